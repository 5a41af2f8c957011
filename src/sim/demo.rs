//! tmp
#![allow(missing_docs)]
pub struct Demo;
pub struct RunningDemo;
impl RunningDemo {
    pub fn stop(self) {}
}
impl Demo {
    pub fn run(
        self,
        _: std::sync::Arc<crate::ingest::Rules>,
        _: std::sync::Arc<dyn crate::actors::delivery::IntakeDoor>,
    ) -> std::io::Result<RunningDemo> {
        Ok(RunningDemo)
    }
}
pub fn prepare(_: &mut crate::config::Config, _: &crate::clock::Clock) -> Result<Demo, String> {
    Ok(Demo)
}
