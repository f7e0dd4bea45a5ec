use super::*;

/// A file in explicit little endian with these elements, each with its representation.
fn file(elements: &[(Tag, &str, &[u8])]) -> Vec<u8> {
    let mut bytes = [&[0; 128][..], b"DICM"].concat();
    put(&mut bytes, tags::TRANSFER_SYNTAX_UID, "UI", b"1.2.840.10008.1.2.1\0");
    for (tag, vr, value) in elements {
        put(&mut bytes, *tag, vr, value);
    }
    bytes
}

fn put(to: &mut Vec<u8>, Tag(group, number): Tag, vr: &str, value: &[u8]) {
    to.extend([group.to_le_bytes(), number.to_le_bytes()].concat());
    to.extend(vr.as_bytes());
    if matches!(vr, "OB" | "OW" | "UN" | "SQ" | "UT") {
        to.extend([0; 2]);
        to.extend((value.len() as u32).to_le_bytes());
    } else {
        to.extend((value.len() as u16).to_le_bytes());
    }
    to.extend(value);
}

fn written(elements: &[(Tag, &str, &[u8])]) -> Value {
    let json = data_set(&file(elements), &Limits::default(), 1 << 20).unwrap();
    serde_json::from_slice(&json).unwrap()
}

fn item(content: &[u8]) -> Vec<u8> {
    [&[0xFE, 0xFF, 0x00, 0xE0][..], &(content.len() as u32).to_le_bytes(), content].concat()
}

#[test]
fn each_representation_has_its_form() {
    let found = written(&[
        (Tag(0x0008, 0x0005), "CS", b"ISO_IR 100"),
        (Tag(0x0008, 0x0008), "CS", b"ORIGINAL\\\\PRIMARY "),
        (Tag(0x0008, 0x0050), "SH", b""),
        (Tag(0x0010, 0x0010), "PN", b"M\xfcller^J\xf6rg=\xc4 "),
        (Tag(0x0018, 0x1164), "DS", b"0.143\\ 1e2 "),
        (Tag(0x0020, 0x0013), "IS", b"7 "),
        (Tag(0x0020, 0x4000), "LT", b"a\\b "),
        (Tag(0x0028, 0x0009), "AT", &[0x18, 0x00, 0x63, 0x10]),
        (Tag(0x0028, 0x0010), "US", &[2, 1]),
        (Tag(0x0029, 0x0010), "LO", b"ACME"),
        (Tag(0x0029, 0x1001), "OB", &[1, 2]),
    ]);
    let expected = json!({
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00080008": {"vr": "CS", "Value": ["ORIGINAL", null, "PRIMARY"]},
        "00080050": {"vr": "SH"},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Müller^Jörg", "Ideographic": "Ä"}]},
        "00181164": {"vr": "DS", "Value": [0.143, 100.0]},
        "00200013": {"vr": "IS", "Value": [7]},
        "00204000": {"vr": "LT", "Value": ["a\\b"]},
        "00280009": {"vr": "AT", "Value": ["00181063"]},
        "00280010": {"vr": "US", "Value": [258]},
        "00290010": {"vr": "LO", "Value": ["ACME"]},
        "00291001": {"vr": "OB", "InlineBinary": "AQI="},
    });
    assert_eq!(found, expected);
}

#[test]
fn sequences_are_followed_and_pixels_and_long_values_are_left_out() {
    let mut inner = Vec::new();
    put(&mut inner, Tag(0x0008, 0x1150), "UI", b"1.2\0");
    let items = [item(&inner), item(&[])].concat();
    let found = written(&[
        (Tag(0x0008, 0x0000), "UL", &[0; 4]),
        (Tag(0x0008, 0x1140), "SQ", &items),
        (Tag(0x0009, 0x1001), "UN", &[1; INLINE_MAX_BYTES + 2]),
        (Tag(0x7FE0, 0x0010), "OW", &[1, 2]),
        (Tag(0xFFFC, 0xFFFC), "OB", &[0; 2]),
    ]);
    let sequence = json!({"vr": "SQ", "Value": [{"00081150": {"vr": "UI", "Value": ["1.2"]}}, {}]});
    let padding = json!({"vr": "OB", "InlineBinary": "AAA="});
    assert_eq!(found, json!({"00081140": sequence, "FFFCFFFC": padding}));
}

#[test]
fn an_answer_has_a_length_and_a_depth() {
    let refused = |bytes: &[u8], max| data_set(bytes, &Limits::default(), max).unwrap_err().code;
    let one = file(&[(Tag(0x0010, 0x4000), "LT", &[b'x'; 500])]);
    assert_eq!(refused(&one, 500), RefusalCode::FileTooLarge);
    assert!(data_set(&one, &Limits::default(), 600).is_ok());
    // Escapes are longer than what they stand for.
    let escaped = file(&[(Tag(0x0010, 0x4000), "LT", &[1; 500])]);
    assert_eq!(refused(&escaped, 600), RefusalCode::FileTooLarge);

    let nested = |levels: usize| {
        let sequence = Tag(0x0040, 0xA730);
        let inner = (1..levels).fold(Vec::new(), |inner, _| {
            let mut outer = Vec::new();
            put(&mut outer, sequence, "SQ", &item(&inner));
            outer
        });
        file(&[(sequence, "SQ", &item(&inner))])
    };
    let deepest = data_set(&nested(SEQUENCES_MAX), &Limits::default(), 1 << 20).unwrap();
    assert!(serde_json::from_slice::<Value>(&deepest).is_ok(), "whoever reads it follows it to its end");
    assert_eq!(refused(&nested(SEQUENCES_MAX + 1), 1 << 20), RefusalCode::Damaged);
}
