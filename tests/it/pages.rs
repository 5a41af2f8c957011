//! The pages that are built in: one shell with a strict policy, files that are kept for good.

use actix_web::test::TestRequest;

use crate::support::api::{Api, ask};

/// The files that a page names, as it names them.
fn files_of(page: &str) -> Vec<&str> {
    let parts = page.split(['"', '#']);
    parts.filter(|part| part.starts_with("/assets/")).collect()
}

#[actix_web::test]
async fn every_page_has_the_shell_and_a_policy_that_lets_no_text_become_code() {
    let Some(api) = Api::over_fixture() else { return };
    let start = api.get("/").await;
    assert_eq!(start.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(start.header("cache-control"), Some("no-cache, no-store, must-revalidate"));
    let policy = start.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.contains("require-trusted-types-for 'script'"), "{policy}");
    let shell = start.text();
    let is_inline = |mark| shell.contains(mark);
    assert!(!["<script>", "<style", " style=", " on"].into_iter().any(is_inline), "{shell}");
    for page in ["/perf", "/packets/0011223344556677", "/nodes", "/observers/x", "/channels/y"] {
        assert_eq!(api.get(page).await.text(), shell, "{page}");
    }
    assert_eq!(api.get("/nope").await.status, 404);
    let mistyped = TestRequest::get().uri("/nope").insert_header(("accept", "text/html,*/*"));
    let mistyped = ask(&api.state, mistyped).await;
    assert_eq!((mistyped.status.as_u16(), mistyped.text()), (404, shell), "a browser gets a page");
    assert_eq!(mistyped.header("content-security-policy"), Some(policy));
    assert_eq!(api.get("/api/perf.html").await.status, 404);
}

#[actix_web::test]
async fn files_of_the_pages_are_kept_for_good_under_the_name_of_their_version() {
    let Some(api) = Api::over_fixture() else { return };
    let shell = api.get("/").await;
    let shell = shell.text();
    let files = files_of(shell);
    assert!(files.len() > 5, "{shell}");
    for file in files {
        let answer = api.get(file).await;
        assert_eq!(answer.status, 200, "{file}");
        let kept = answer.header("cache-control").unwrap();
        assert!(kept.contains("immutable"), "{file}: {kept}");
    }
    // Another version's files are not there: old and new modules never mix.
    assert_eq!(api.get("/assets/0000000000000000/src/main.js").await.status, 404);
    assert_eq!(api.get("/assets/index.html").await.status, 404);
}

#[actix_web::test]
async fn a_file_is_sent_compressed_to_who_can_read_that_and_not_again_to_who_has_it() {
    let Some(api) = Api::over_fixture() else { return };
    let plain = api.get("/assets/src/main.js").await;
    assert_eq!(plain.header("content-type"), Some("text/javascript; charset=utf-8"));
    assert_eq!(
        (plain.header("content-encoding"), plain.header("cache-control")),
        (None, Some("no-cache"))
    );
    let zipped = TestRequest::get().uri("/assets/src/main.js");
    let zipped = ask(&api.state, zipped.insert_header(("accept-encoding", "gzip, br"))).await;
    assert_eq!(zipped.header("content-encoding"), Some("gzip"));
    assert!(zipped.body.len() < plain.body.len());
    let tag = plain.header("etag").unwrap().to_owned();
    let again = TestRequest::get().uri("/assets/src/main.js");
    let again = ask(&api.state, again.insert_header(("if-none-match", tag))).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
}

#[test]
fn no_module_of_the_pages_makes_markup_of_text() {
    let mut folders = vec![crate::support::crate_root().join("web/src")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
            {
                assert!(!text.contains(word), "{}: {word}", path.display());
            }
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen} modules");
}
