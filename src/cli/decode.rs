//! `corescope decode`: frames in hex to one JSON object a line.

use std::io::{self, BufRead, Write};

use clap::Args;
use serde::Serialize;

use crate::mesh::{
    ChannelKeyError, ChannelKeys, ChannelSecret, DecodeRules, DecodedPayload, Header, Packet,
    PacketError, PathView, decode_payload, frame_from_hex, go_json,
};

/// The longest line that is read, in bytes; a frame needs 510. The rest of a longer one is
/// skipped and the line counts as failed.
const LINE_BYTES_MAX: usize = 8 * 1024;
/// How much of a bad line its error repeats, in characters.
const INPUT_CHARS_MAX: usize = 64;

/// Decodes MeshCore frames: one JSON object a line with header, path, payload and hash, or error
/// and input. Ends with code 1 if any frame failed.
#[derive(Args, Clone, Debug, Default)]
pub struct DecodeArgs {
    /// Frames in hex; without any they are read from standard input, one a line
    #[arg(value_name = "HEX")]
    pub frames: Vec<String>,

    /// A channel's key, 16 or 32 bytes in hex; may be given several times
    #[arg(long = "channel-key", value_name = "NAME=HEX", value_parser = parse_channel_key)]
    pub channel_keys: Vec<(String, ChannelSecret)>,

    /// A hashtag channel, whose key is made from its name; may be given several times
    #[arg(long = "hashtag", value_name = "NAME")]
    pub hashtags: Vec<String>,
}

/// Why `corescope decode` ends with an error.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Some frames could not be decoded; each has had its line.
    #[error("{failed} of {total} frames could not be decoded")]
    BadFrames {
        /// Frames with an `error`.
        failed: u64,
        /// All frames.
        total: u64,
    },
    /// Standard input or output broke.
    #[error("reading frames or writing answers")]
    Stream(#[from] io::Error),
}

/// Decodes the arguments, or standard input if there are none, to standard output.
///
/// # Errors
/// [`DecodeError::BadFrames`] after all lines are written, if any failed.
pub fn run(args: &DecodeArgs) -> Result<(), DecodeError> {
    run_with(args, io::stdin().lock(), io::BufWriter::new(io::stdout().lock()))
}

/// As [`run`], with the streams given. Blank lines of the input are skipped.
///
/// # Errors
/// As [`run`].
pub fn run_with(
    args: &DecodeArgs,
    mut input: impl BufRead,
    mut output: impl Write,
) -> Result<(), DecodeError> {
    let channels = args.channels();
    let mut tally = Tally::default();
    for frame in &args.frames {
        tally.write(&mut output, &answer(frame, &channels))?;
    }
    if args.frames.is_empty() {
        while let Some(line) = read_line(&mut input)? {
            let text = String::from_utf8_lossy(&line.bytes);
            if line.is_whole && text.trim().is_empty() {
                continue;
            }
            let answer = if line.is_whole { answer(&text, &channels) } else { too_long(&text) };
            tally.write(&mut output, &answer)?;
        }
    }
    output.flush()?;
    tally.verdict()
}

impl DecodeArgs {
    fn channels(&self) -> ChannelKeys {
        let hashtags = self.hashtags.iter().map(|name| {
            let name = format!("#{}", name.trim().trim_start_matches('#'));
            let secret = ChannelSecret::hashtag(&name);
            (name, secret)
        });
        ChannelKeys::from_pairs(hashtags.chain(self.channel_keys.iter().cloned()))
    }
}

fn parse_channel_key(text: &str) -> Result<(String, ChannelSecret), String> {
    let (name, key) = text.split_once('=').ok_or("expected NAME=HEX")?;
    let secret = key.parse().map_err(|e: ChannelKeyError| e.to_string())?;
    match name.trim() {
        "" => Err("the name is empty".to_owned()),
        name => Ok((name.to_owned(), secret)),
    }
}

#[derive(Serialize)]
struct Answer<'p, 'a> {
    header: Header,
    path: PathView<'p, 'a>,
    payload: DecodedPayload,
    hash: String,
}

#[derive(Serialize)]
struct Refusal<'a> {
    error: String,
    input: &'a str,
}

enum Line {
    Good(String),
    Bad(String),
}

fn answer(text: &str, channels: &ChannelKeys) -> Line {
    match decode(text, channels) {
        Ok(json) => Line::Good(json),
        Err(error) => refuse(text, error.to_string()),
    }
}

fn decode(text: &str, channels: &ChannelKeys) -> Result<String, PacketError> {
    let frame = frame_from_hex(text)?;
    let packet = Packet::parse(&frame)?;
    let rules = DecodeRules { channels, verify_signatures: true };
    Ok(go_json::to_string(&Answer {
        header: packet.header,
        path: PathView::of(&packet),
        payload: decode_payload(&packet, &rules),
        hash: packet.content_hash().to_string(),
    }))
}

fn too_long(text: &str) -> Line {
    refuse(text, format!("line longer than {LINE_BYTES_MAX} bytes"))
}

fn refuse(text: &str, error: String) -> Line {
    let text = text.trim();
    let end = text.char_indices().nth(INPUT_CHARS_MAX).map_or(text.len(), |(index, _)| index);
    Line::Bad(go_json::to_string(&Refusal { error, input: &text[..end] }))
}

#[derive(Default)]
struct Tally {
    failed: u64,
    total: u64,
}

impl Tally {
    fn write(&mut self, output: &mut impl Write, line: &Line) -> io::Result<()> {
        self.total += 1;
        self.failed += u64::from(matches!(line, Line::Bad(_)));
        let (Line::Good(json) | Line::Bad(json)) = line;
        writeln!(output, "{json}")
    }

    fn verdict(self) -> Result<(), DecodeError> {
        match self {
            Self { failed: 0, .. } => Ok(()),
            Self { failed, total } => Err(DecodeError::BadFrames { failed, total }),
        }
    }
}

struct InputLine {
    bytes: Vec<u8>,
    is_whole: bool,
}

/// Returns the next line, `None` at the end. Of a line that is too long the rest is skipped.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<InputLine>> {
    let mut bytes = Vec::new();
    let limit = LINE_BYTES_MAX as u64 + 1;
    if io::Read::take(&mut *input, limit).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    let is_whole = bytes.ends_with(b"\n") || bytes.len() <= LINE_BYTES_MAX;
    if !is_whole {
        input.skip_until(b'\n')?;
    }
    Ok(Some(InputLine { bytes, is_whole }))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser, Debug)]
    struct CommandLine {
        #[command(flatten)]
        args: DecodeArgs,
    }

    fn decode_lines(args: &DecodeArgs, input: &str) -> (String, Result<(), DecodeError>) {
        let mut output = Vec::new();
        let result = run_with(args, input.as_bytes(), &mut output);
        (String::from_utf8(output).unwrap(), result)
    }

    #[test]
    fn a_frame_becomes_one_object_with_header_path_payload_and_hash() {
        let args = DecodeArgs {
            frames: vec!["2502AABB01000000 0200000000DEADBEEF".into()],
            ..Default::default()
        };
        let (output, result) = decode_lines(&args, "");
        assert!(result.is_ok());
        assert_eq!(
            output,
            concat!(
                r#"{"header":{"routeType":1,"routeTypeName":"FLOOD","payloadType":9,"#,
                r#""payloadTypeName":"TRACE","payloadVersion":0},"#,
                r#""path":{"hashSize":1,"hashCount":4,"hops":["DE","AD","BE","EF"],"hopsCompleted":2},"#,
                r#""payload":{"type":"TRACE","pathData":"deadbeef","snrValues":[-21.5,-17.25],"tag":1,"authCode":2,"traceFlags":0},"#,
                r#""hash":"9744fc264c76ca5e"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_bad_line_has_its_error_and_the_others_still_count() {
        let (output, result) = decode_lines(&DecodeArgs::default(), "0a00\r\n\nzz<\n0d0\n");
        let lines: Vec<_> = output.lines().collect();
        assert!(lines[0].contains(r#""type":"TXT_MSG","error":"too short""#), "{}", lines[0]);
        assert!(lines[1].starts_with(r#"{"error":"not hexadecimal"#), "{}", lines[1]);
        assert!(lines[1].ends_with(r#""input":"zz\u003c"}"#), "{}", lines[1]);
        assert_eq!(lines.len(), 3);
        assert!(matches!(result, Err(DecodeError::BadFrames { failed: 2, total: 3 })));
    }

    #[test]
    fn a_line_without_bound_is_refused_and_skipped() {
        let input = format!("{}\n0a00\n", "a".repeat(LINE_BYTES_MAX * 3));
        let (output, result) = decode_lines(&DecodeArgs::default(), &input);
        let lines: Vec<_> = output.lines().collect();
        assert!(lines[0].starts_with(r#"{"error":"line longer than 8192 bytes","input":"aaa"#));
        assert!(lines[0].len() < 200);
        assert_eq!(lines.len(), 2);
        assert!(matches!(result, Err(DecodeError::BadFrames { failed: 1, total: 2 })));
    }

    #[test]
    fn keys_and_hashtags_open_channels() {
        let hex = "15833fa002860ccae0eed9ca78b9ab0775d477c1f6490a398bf4edc75240";
        let sealed = DecodeArgs { frames: vec![hex.into()], ..Default::default() };
        assert!(decode_lines(&sealed, "").0.contains("decryption_failed"));
        let tagged = DecodeArgs { hashtags: vec!["bot".into()], ..sealed.clone() };
        let output = decode_lines(&tagged, "").0;
        assert!(output.contains(r##""channel":"#bot","text":"Roy B V4: P""##), "{output}");
        let key = parse_channel_key("robots=eb50a1bcb3e4e5d7bf69a57c9dada211").unwrap();
        let keyed = DecodeArgs { channel_keys: vec![key], ..sealed };
        assert!(decode_lines(&keyed, "").0.contains(r#""channel":"robots""#));
    }

    #[test]
    fn the_command_line_takes_frames_keys_and_hashtags() {
        let line = ["decode", "--hashtag", "bot", "--channel-key", "a=00", "0a00"];
        let refused = CommandLine::try_parse_from(line).unwrap_err().to_string();
        assert!(refused.contains("the key has 1 bytes, expected 16 or 32"), "{refused}");
        let key = format!("a={}", "00".repeat(16));
        let line = ["decode", "--hashtag", "bot", "--channel-key", &key, "0a00", "0a01"];
        let args = CommandLine::try_parse_from(line).unwrap().args;
        assert_eq!(args.frames, ["0a00", "0a01"]);
        assert_eq!((args.hashtags.len(), args.channel_keys.len()), (1, 1));
        assert!(!format!("{args:?}").contains("0000"), "keys are not shown");
    }

    #[test]
    fn a_bad_channel_key_says_what_was_expected() {
        assert_eq!(parse_channel_key("abc").unwrap_err(), "expected NAME=HEX");
        assert_eq!(parse_channel_key("=00").unwrap_err(), "the key has 1 bytes, expected 16 or 32");
        assert!(parse_channel_key("a=xyz").unwrap_err().starts_with("the key is not hexadecimal"));
        let blank = format!(" ={}", "00".repeat(16));
        assert_eq!(parse_channel_key(&blank).unwrap_err(), "the name is empty");
    }
}
