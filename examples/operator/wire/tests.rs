//! Lines in, events or exact texts out.

use std::io;
use std::sync::Arc;

use super::{
    Bookmark, Bytes, Change, Database, Object, Place, ResourceVersion, WatchEvent, WireError, event,
};

/// The place that all lines of these tests are at.
fn at() -> Place {
    Place {
        source: Arc::from("watch.jsonl"),
        line: 17,
        column: None,
    }
}

/// The event of a line.
fn read(line: &str) -> WatchEvent {
    event(line.as_bytes(), &at()).unwrap_or_else(|error| panic!("{error}\n{line}"))
}

/// What is wrong with a line, as text.
fn complaint(line: impl AsRef<[u8]>) -> String {
    match event(line.as_ref(), &at()) {
        Ok(event) => panic!("nothing is wrong with {event:?}"),
        Err(error) => error.to_string(),
    }
}

/// A ConfigMap event with this after the names in its metadata, and this after
/// the metadata.
fn config_map(metadata: &str, rest: &str) -> String {
    format!(
        r#"{{"type":"ADDED","object":{{"kind":"ConfigMap","apiVersion":"v1","metadata":{{"name":"a","namespace":"b","uid":"c"{metadata}}}{rest}}}}}"#
    )
}

/// A good `resourceVersion`, to put into metadata.
const VERSION: &str = r#","resourceVersion":"8123""#;

/// A Secret with these members after the metadata.
fn secret(rest: &str) -> String {
    config_map(VERSION, rest).replace("ConfigMap", "Secret")
}

#[test]
fn a_config_map() {
    let line = config_map(
        r#","resourceVersion":"8123","creationTimestamp":"2025-10-14T08:00:00Z","labels":{"x.y/z":"1"},"annotations":null,"managedFields":[{"f:x":{}}]"#,
        r#","data":{"k":"line\nline é"},"binaryData":{"b":"/w=="},"immutable":true"#,
    );
    let WatchEvent::Object {
        change: Change::Added,
        object: Object::ConfigMap(map),
    } = read(&line)
    else {
        panic!("an added ConfigMap");
    };
    assert_eq!(map.metadata.key(), "b/a");
    assert_eq!(map.metadata.uid, "c");
    assert_eq!(map.metadata.resource_version.as_str(), "8123");
    assert_eq!(map.metadata.generation, None);
    assert_eq!(map.metadata.labels["x.y/z"], "1");
    assert!(map.metadata.annotations.is_empty());
    assert_eq!(map.data["k"], "line\nline é");
    assert_eq!(map.binary_data["b"], Bytes(vec![0xff]));
    assert_eq!(map.immutable, Some(true));
}

#[test]
fn a_secret_does_not_show_its_values() {
    let event = read(&secret(
        r#","type":"Opaque","data":{"password":"aHVudGVyMg=="}"#,
    ));
    let WatchEvent::Object {
        object: Object::Secret(secret),
        ..
    } = &event
    else {
        panic!("a Secret");
    };
    assert_eq!(secret.secret_type, "Opaque");
    assert_eq!(secret.data["password"].0, b"hunter2");
    let shown = format!("{event:?}");
    assert!(
        shown.contains("Bytes(7 not shown)") && !shown.contains("hunter2"),
        "{shown}"
    );
}

#[test]
fn a_database_with_sorted_keys() {
    let event = read(concat!(
        r#"{"object":{"apiVersion":"demo.example.com/v1","kind":"Database","metadata":{"deletionTimestamp":"2025-10-14T08:00:00Z","finalizers":["f"],"generation":3,"name":"a","namespace":"b","ownerReferences":[{"apiVersion":"v1","controller":true,"kind":"Node","name":"n","uid":"u"}],"resourceVersion":"9","uid":"c"},"#,
        r#""spec":{"engine":"postgres","replicas":2,"storage":"20Gi","version":"16.4","unknown":{}},"#,
        r#""status":{"conditions":[{"lastTransitionTime":null,"status":"True","type":"Available"}],"observedGeneration":2,"phase":"Ready","readyReplicas":null}},"type":"DELETED"}"#,
    ));
    let WatchEvent::Object {
        change: Change::Deleted,
        object: Object::Database(database),
    } = event
    else {
        panic!("a deleted Database");
    };
    let Database {
        metadata,
        spec,
        status,
    } = *database;
    let status = status.expect("it has one");
    assert_eq!(metadata.generation, Some(3));
    assert_eq!(
        metadata.deletion_timestamp.as_deref(),
        Some("2025-10-14T08:00:00Z")
    );
    assert_eq!(metadata.finalizers, ["f"]);
    assert_eq!(
        (
            metadata.owner_references[0].uid.as_str(),
            metadata.owner_references[0].controller
        ),
        ("u", Some(true))
    );
    assert_eq!((spec.replicas, spec.credentials_secret), (2, None));
    assert_eq!((status.phase.as_str(), status.ready_replicas), ("Ready", 0));
    assert_eq!(status.conditions[0].condition_type, "Available");
}

#[test]
fn bookmarks_with_and_without_the_end_of_the_list() {
    let bookmark = |annotations: &str| {
        read(&format!(
            r#"{{"type":"BOOKMARK","object":{{"kind":"Secret","apiVersion":"v1","metadata":{{"resourceVersion":"5","creationTimestamp":null{annotations}}}}}}}"#
        ))
    };
    let expected = |initial_events_end| {
        let (kind, resource_version) = (super::Kind::Secret, ResourceVersion("5".into()));
        WatchEvent::Bookmark(Bookmark {
            kind,
            resource_version,
            initial_events_end,
        })
    };
    assert_eq!(bookmark(""), expected(false));
    assert_eq!(
        bookmark(r#","annotations":{"k8s.io/initial-events-end":"true"}"#),
        expected(true)
    );
    assert_eq!(
        bookmark(r#","annotations":{"k8s.io/initial-events-end":"false"}"#),
        expected(false)
    );
}

#[test]
fn what_cannot_be_opened_or_read() {
    let cause = || io::Error::new(io::ErrorKind::NotFound, "no such file");
    assert_eq!(
        WireError::Open {
            source: "a.jsonl".into(),
            cause: cause()
        }
        .to_string(),
        "a.jsonl: cannot open: no such file; name a watch stream with --events FILE, \
         or give it on standard input with --events -"
    );
    let read = WireError::Read {
        at: at(),
        cause: cause(),
    };
    assert_eq!(
        read.to_string(),
        "watch.jsonl:17: cannot read: no such file; reading ends here, what came before is used"
    );
    let source = std::error::Error::source(&read).expect("the cause");
    assert_eq!(source.to_string(), "no such file");
    assert!(read.ends_the_stream());
}

#[test]
fn too_long() {
    assert_eq!(
        WireError::TooLong {
            at: at(),
            limit: 4_194_304
        }
        .to_string(),
        "watch.jsonl:17: the line is longer than 4194304 bytes, \
         more than an API server allows an object; the line is skipped"
    );
}

#[test]
fn not_utf8() {
    assert_eq!(
        complaint(b"{\"type\":\"\xff\"}"),
        "watch.jsonl:17:10: not UTF-8 (byte 0xff); the line is skipped"
    );
}

#[test]
fn not_json() {
    assert_eq!(
        complaint(r#"{"type":"ADDED" "object":{}}"#),
        "watch.jsonl:17:17: not JSON: expected `,` or `}`; the line is skipped"
    );
    assert_eq!(
        complaint("NAME   DATA   AGE"),
        "watch.jsonl:17:1: not JSON: expected value; the line is skipped"
    );
    assert_eq!(
        complaint(r#"{"type":"ADDED"} {"type":"ADDED"}"#),
        "watch.jsonl:17:18: not JSON: trailing characters; the line is skipped"
    );
}

#[test]
fn unfinished_and_cut() {
    assert_eq!(
        complaint(r#"{"type":"ADDED","#),
        "watch.jsonl:17: the line ends inside an event after 16 bytes: each event is one line; \
         the line is skipped"
    );
    // Inside a character.
    assert_eq!(
        complaint(b"{\"type\":\"\xc3"),
        "watch.jsonl:17: the line ends inside an event after 10 bytes: each event is one line; \
         the line is skipped"
    );
    let cut = |resume| {
        WireError::Cut {
            at: at(),
            bytes: 16,
            resume,
        }
        .to_string()
    };
    assert_eq!(
        cut(Some(ResourceVersion("48210".into()))),
        "watch.jsonl:17: the last line is cut after 16 bytes: the stream ended inside an event; \
         watch again from resourceVersion \"48210\""
    );
    assert_eq!(
        cut(None),
        "watch.jsonl:17: the last line is cut after 16 bytes: the stream ended inside an event; \
         list and watch again"
    );
}

#[test]
fn unknown_event_type() {
    assert_eq!(
        complaint(r#"{"type":"RENAMED","object":{}}"#),
        "watch.jsonl:17: unknown event type \"RENAMED\": \
         a watch sends ADDED, MODIFIED, DELETED, BOOKMARK and ERROR; the line is skipped"
    );
}

#[test]
fn unknown_kind_and_version() {
    assert_eq!(
        complaint(r#"{"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1"}}"#),
        "watch.jsonl:17: unknown kind \"Pod\": \
         this operator watches ConfigMap, Secret and Database; the event is skipped"
    );
    assert_eq!(
        complaint(
            r#"{"type":"ADDED","object":{"kind":"Database","apiVersion":"demo.example.com/v2"}}"#
        ),
        "watch.jsonl:17: unknown version \"demo.example.com/v2\" of Database: \
         this operator reads demo.example.com/v1; the event is skipped"
    );
}

#[test]
fn a_resource_version_is_never_a_number() {
    assert_eq!(
        complaint(config_map(r#","resourceVersion":8123"#, "")),
        "watch.jsonl:17:134: object.metadata.resourceVersion: invalid type: integer `8123`, \
         expected a string that is not empty; the event is skipped"
    );
    assert_eq!(
        complaint(config_map(r#","resourceVersion":"""#, "")),
        "watch.jsonl:17:132: object.metadata.resourceVersion: invalid value: string \"\", \
         expected a string that is not empty; the event is skipped"
    );
}

#[test]
fn fields_that_are_missing() {
    for (line, expected) in [
        (
            config_map("", ""),
            "17:112: object.metadata: missing field `resourceVersion`; the event",
        ),
        (
            secret(""),
            "17:135: object: missing field `type`; the event",
        ),
        (
            r#"{"type":"ADDED"}"#.into(),
            "17:16: missing field `object`; the line",
        ),
        (
            r#"{"object":{}}"#.into(),
            "17:13: missing field `type`; the line",
        ),
        (
            r#"{"type":"ADDED","object":{"apiVersion":"v1"}}"#.into(),
            "17:44: object: missing field `kind`; the event",
        ),
        (
            r#"{"type":"BOOKMARK","object":{"kind":"Secret","apiVersion":"v1"}}"#.into(),
            "17:63: object: missing field `metadata`; the event",
        ),
    ] {
        assert_eq!(
            complaint(&line),
            format!("watch.jsonl:{expected} is skipped"),
            "{line}"
        );
    }
}

/// A database with this spec.
fn database(spec: &str) -> String {
    config_map(VERSION, &format!(r#","spec":{spec}"#))
        .replace("ConfigMap", "Database")
        .replace(r#""v1""#, r#""demo.example.com/v1""#)
}

/// The complaint about a line, without source, line and column.
fn words_of_complaint(line: &str) -> String {
    let complaint = complaint(line);
    let words = complaint.splitn(4, ':').nth(3);
    words
        .expect("source, line and column")
        .trim_start()
        .to_owned()
}

#[test]
fn events_of_a_wrong_shape() {
    for (line, expected) in [
        (
            "5",
            "invalid type: integer `5`, expected an object; the line",
        ),
        (
            r#"["ADDED",{}]"#,
            "invalid type: sequence, expected an object; the line",
        ),
        (
            r#"{"type":7,"object":{}}"#,
            "type: invalid type: integer `7`, expected a string; the event",
        ),
        (
            r#"{"type":"ADDED","object":[]}"#,
            "object: invalid type: sequence, expected an object; the event",
        ),
        (
            r#"{"type":"ADDED","object":null}"#,
            "object: invalid type: null, expected an object; the event",
        ),
    ] {
        assert_eq!(
            words_of_complaint(line),
            format!("{expected} is skipped"),
            "{line}"
        );
    }
}

#[test]
fn fields_of_a_wrong_type() {
    for (line, expected) in [
        (
            config_map(
                &format!(r#"{VERSION},"labels":{{"app.kubernetes.io/name":true}}"#),
                "",
            ),
            "object.metadata.labels[\"app.kubernetes.io/name\"]: \
             invalid type: boolean `true`, expected a string; the event",
        ),
        (
            config_map(&format!(r#"{VERSION},"uid":"d""#), ""),
            "object.metadata.uid: duplicate field `uid`; the event",
        ),
        (
            config_map(
                &format!(r#"{VERSION},"ownerReferences":[{{"name":"n","uid":{{}}}}]"#),
                "",
            ),
            "object.metadata.ownerReferences[0].uid: invalid type: map, expected a string; the event",
        ),
        (
            config_map(VERSION, r#","binaryData":{"b":"%%%%"}"#),
            "object.binaryData.b: not base64: it has a character outside the alphabet; the event",
        ),
        (
            database(r#"{"engine":"e","version":"1","replicas":-1,"storage":"1Gi"}"#),
            "object.spec.replicas: invalid value: integer `-1`, expected u32; the event",
        ),
        (
            database("[1]"),
            "object.spec: invalid type: sequence, expected an object; the event",
        ),
    ] {
        assert_eq!(
            words_of_complaint(&line),
            format!("{expected} is skipped"),
            "{line}"
        );
    }
}

#[test]
fn the_data_of_a_secret_is_not_quoted() {
    for data in [
        r#""hunter2""#,
        r#"{"password":["hunter2"]}"#,
        r#"{"hunter":22}"#,
        "[22]",
    ] {
        let text = complaint(secret(&format!(r#","data":{data},"type":"Opaque""#)));
        assert!(
            text.contains("expected an object of base64 strings (what it is instead is not shown)")
                && !text.contains("hunter2")
                && !text.contains("22"),
            "{text}"
        );
    }
    let text = complaint(secret(r#","data":{"password":"hunter2"},"type":"Opaque""#));
    assert!(
        text.contains("object.data.password: not base64: its length is not a multiple of 4;"),
        "{text}"
    );
}

#[test]
fn an_error_event() {
    let status = |code: &str| {
        complaint(format!(
            r#"{{"type":"ERROR","object":{{"kind":"Status","apiVersion":"v1","metadata":{{}},"status":"Failure"{code}}}}}"#
        ))
    };
    assert_eq!(
        status(
            r#","message":"too old resource version: 812 (9001)","reason":"Expired","code":410"#
        ),
        "watch.jsonl:17: the API server ended the watch: \
         410 Expired: too old resource version: 812 (9001); \
         list again and watch from the list's resourceVersion"
    );
    for (code, advice) in [
        (
            ",\"code\":403",
            "403 no reason: no message; give the operator's service account the verbs list and watch",
        ),
        (
            ",\"code\":429",
            "429 no reason: no message; wait a little and watch again",
        ),
        (
            ",\"code\":500",
            "500 no reason: no message; wait a little and watch again",
        ),
        ("", "no reason: no message; watch again"),
    ] {
        let expected = format!("watch.jsonl:17: the API server ended the watch: {advice}");
        assert_eq!(status(code), expected);
    }
    assert_eq!(
        status(",\"code\":\"410\"")
            .split_once(": ")
            .expect("a place")
            .1,
        "object.code: invalid type: string \"410\", expected u16; the event is skipped"
    );
}

#[test]
fn a_status_without_an_event_is_what_a_refused_watch_answers() {
    assert_eq!(
        complaint(
            r#"{"kind":"Status","status":"Failure","message":"configmaps is forbidden","reason":"Forbidden","code":403}"#
        ),
        "watch.jsonl:17: the API server ended the watch: 403 Forbidden: configmaps is forbidden; \
         give the operator's service account the verbs list and watch"
    );
    assert_eq!(
        complaint(r#"{"type":"ERROR","object":{"kind":"Pod"}}"#),
        "watch.jsonl:17: object.kind: invalid value: string \"Pod\", \
         expected \"Status\" in an ERROR event; the event is skipped"
    );
}

#[test]
fn messages_stay_short_and_on_one_line() {
    let long = "x".repeat(100_000);
    for line in [
        format!(r#"{{"type":"{long}"}}"#),
        format!(r#"{{"type":"ADDED","object":{{"kind":"{long}","apiVersion":"v1"}}}}"#),
        format!(r#"{{"type":"ADDED","object":{{"kind":"Secret","apiVersion":"{long}"}}}}"#),
        config_map(&format!(r#"{VERSION},"generation":"{long}""#), ""),
        config_map(&format!(r#"{VERSION},"labels":{{"{long}":5}}"#), ""),
        format!(r#"{{"type":"ERROR","object":{{"kind":"Status","message":"\u001b[2J\n{long}"}}}}"#),
        format!(r#"{{"type":"ERROR","object":{{"kind":"Status","reason":"\u001b[2J\n{long}"}}}}"#),
    ] {
        let text = complaint(line);
        assert!(text.len() < 500, "{} bytes", text.len());
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

#[test]
fn every_beginning_of_a_line_is_unfinished() {
    let shipped = include_str!("../events/watch.jsonl");
    for line in shipped.lines().step_by(53) {
        for end in 1..line.len() {
            let error = event(&line.as_bytes()[..end], &at()).expect_err("not whole");
            let WireError::Unfinished { bytes, .. } = error else {
                panic!("{error}: {line}")
            };
            assert_eq!(bytes, end);
        }
    }
}

#[test]
fn no_single_wrong_byte_makes_it_panic() {
    let shipped = include_str!("../events/watch.jsonl");
    for line in shipped.lines().step_by(41) {
        for (index, byte) in line.bytes().enumerate() {
            for wrong in [b'"', b'{', b']', b',', b'\\', 0, 0xff, byte ^ 1] {
                let mut line = line.as_bytes().to_vec();
                line[index] = wrong;
                if let Err(error) = event(&line, &at()) {
                    let text = error.to_string();
                    assert!(
                        text.starts_with("watch.jsonl:17:") && !text.contains('\n'),
                        "{text}"
                    );
                }
            }
        }
    }
}
