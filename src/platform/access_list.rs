//! Access lists of Windows as text (SDDL, [MS-DTYP] section 2.5.1): who else may use a file, and the list of a file that
//! nobody else may use.
//!
//! In: a list's text; out: the first one in it who should not be. As on Unix, a single account or group that was let in on
//! purpose may read; whole crowds may not, and nobody else may write.

/// Somebody who may use a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) who: String,
    pub(super) may: &'static str,
}

/// The list of a file or folder of this owner (a SID), for its owner, the system and the administrators, of which none
/// is inherited. What is made in a folder inherits it.
pub(super) fn private_list(owner: &str, is_folder: bool) -> String {
    let heirs = if is_folder { "OICI" } else { "" };
    let entry = |who: &str| format!("(A;{heirs};FA;;;{who})");
    format!("D:P{}{}{}", entry("SY"), entry("BA"), entry(owner))
}

/// Crowds: anybody may be in them.
const CROWDS: [(&str, &str, &str); 10] = [
    ("WD", "S-1-1-0", "everyone"),
    ("AN", "S-1-5-7", "everyone, without a login,"),
    ("AU", "S-1-5-11", "every account that logs in"),
    ("IU", "S-1-5-4", "everyone at this machine"),
    ("NU", "S-1-5-2", "everyone on the network"),
    ("BU", "S-1-5-32-545", "the group Users"),
    ("BG", "S-1-5-32-546", "the group Guests"),
    ("PU", "S-1-5-32-547", "the group Power Users"),
    ("AC", "S-1-15-2-1", "every app from the Store"),
    ("DU", "-513", "every user of the domain"),
];

/// They may use everything: the system, administrators, and the entries that stand for the owner.
const TRUSTED: [&str; 8] = [
    "SY",
    "S-1-5-18",
    "BA",
    "S-1-5-32-544",
    "OW",
    "S-1-3-4",
    "CO",
    "S-1-3-0",
];

/// The accounts of services: one of them is popgate's.
const SERVICES: &str = "S-1-5-80-";

/// Whether that is one of them.
pub(super) fn is_trusted(who: &str) -> bool {
    TRUSTED.contains(&who) || who.starts_with(SERVICES)
}

const READS: u32 = 0x0000_0001 | 0x8000_0000 | 0x1000_0000;
/// Contents, the list itself, and the owner.
const WRITES: u32 = 0x0000_0006 | 0x000c_0000 | 0x4000_0000 | 0x1000_0000;

/// The first one who may do with the file what others should not; `None` if nobody may.
pub(super) fn who_else(sddl: &str) -> Option<Access> {
    let everyone = |may| {
        Some(Access {
            who: "everyone".to_owned(),
            may,
        })
    };
    let owner = sddl.strip_prefix("O:").and_then(|rest| {
        let end = rest.find("G:").or_else(|| rest.find("D:"));
        rest.get(..end.unwrap_or(rest.len()))
    });
    // Without a list, or with none in it, nothing is forbidden.
    let Some((_, list)) = sddl.split_once("D:") else {
        return everyone("read");
    };
    if list.starts_with("NO_ACCESS_CONTROL") {
        return everyone("read");
    }
    let list = list.split("S:(").next().unwrap_or(list);
    list.split('(').skip(1).find_map(|entry| {
        let mut parts = entry.trim_end_matches(')').split(';');
        let (kind, flags, rights) = (parts.next()?, parts.next()?, parts.next()?);
        let who = parts.nth(2)?.trim_end_matches(')');
        let permits = matches!(kind, "A" | "OA" | "XA" | "ZA");
        // Inherited only: for what is made in a folder, not for itself.
        if !permits || has_flag(flags, "IO") || is_trusted(who) || Some(who) == owner {
            return None;
        }
        let rights = mask(rights);
        let crowd = CROWDS.iter().find(|(short, sid, _)| {
            who == *short || who == *sid || (sid.starts_with('-') && who.ends_with(sid))
        });
        let may = match crowd {
            Some(_) if rights & READS != 0 => "read",
            _ if rights & WRITES != 0 => "write",
            _ => return None,
        };
        let name = crowd.map_or_else(|| format!("the account {who}"), |it| it.2.to_owned());
        Some(Access { who: name, may })
    })
}

/// Flags are pairs of letters.
fn has_flag(flags: &str, wanted: &str) -> bool {
    let pairs = flags.as_bytes().chunks(2);
    pairs.into_iter().any(|pair| pair == wanted.as_bytes())
}

/// The rights: a number, or pairs of letters. Pairs that are not known count as all rights.
fn mask(rights: &str) -> u32 {
    if let Some(hex) = rights.strip_prefix("0x") {
        return u32::from_str_radix(hex, 16).unwrap_or(u32::MAX);
    }
    if let Ok(number) = rights.parse() {
        return number;
    }
    let pairs = rights.as_bytes().chunks(2);
    pairs.fold(0, |sum, pair| {
        sum | match pair {
            b"FA" => 0x001f_01ff,
            b"FR" => 0x0012_0089,
            b"FW" => 0x0012_0116,
            b"FX" => 0x0012_00a0,
            b"GA" => 0x1000_0000,
            b"GR" => 0x8000_0000,
            b"GW" => 0x4000_0000,
            b"GX" => 0x2000_0000,
            b"CC" => 0x01,
            b"DC" => 0x02,
            b"LC" => 0x04,
            b"SW" => 0x08,
            b"RP" => 0x10,
            b"WP" => 0x20,
            b"DT" => 0x40,
            b"LO" => 0x80,
            b"CR" => 0x100,
            b"SD" => 0x1_0000,
            b"RC" => 0x2_0000,
            b"WD" => 0x4_0000,
            b"WO" => 0x8_0000,
            _ => u32::MAX,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &str = "S-1-5-21-1-2-3-1001";

    fn found(list: &str) -> Option<(String, &'static str)> {
        who_else(&format!("O:{OWNER}G:DUD:{list}")).map(|it| (it.who, it.may))
    }

    #[test]
    fn a_private_list_lets_nobody_else_in() {
        for is_folder in [false, true] {
            let list = private_list(OWNER, is_folder);
            assert_eq!(who_else(&format!("O:{OWNER}G:DU{list}")), None);
            // For anybody else the owner is somebody else.
            let strange = who_else(&format!("O:BAG:DU{list}"));
            assert_eq!(strange.map(|it| it.may), Some("write"));
        }
        assert!(private_list("X", true).contains("(A;OICI;FA;;;X)"));
    }

    #[test]
    fn crowds_may_neither_read_nor_write() {
        for (list, who, may) in [
            (
                "PAI(A;;FA;;;SY)(A;ID;0x1200a9;;;BU)",
                "the group Users",
                "read",
            ),
            ("(A;;FR;;;WD)", "everyone", "read"),
            ("(A;;GA;;;S-1-1-0)", "everyone", "read"),
            ("(A;;DCLC;;;AU)", "every account that logs in", "write"),
            (
                "(A;;FR;;;S-1-5-21-7-8-9-513)",
                "every user of the domain",
                "read",
            ),
            ("(A;;XX;;;WD)", "everyone", "read"),
            ("NO_ACCESS_CONTROL", "everyone", "read"),
        ] {
            assert_eq!(found(list), Some((who.to_owned(), may)), "{list}");
        }
        assert_eq!(who_else("O:BA").map(|it| it.may), Some("read"));
    }

    #[test]
    fn one_account_may_read_and_not_write() {
        let other = "S-1-5-21-1-2-3-1002";
        assert_eq!(found(&format!("(A;;FR;;;{other})")), None);
        let writes = Some((format!("the account {other}"), "write"));
        assert_eq!(found(&format!("(A;;0x40000;;;{other})")), writes);
        assert_eq!(found("(A;;FA;;;S-1-5-80-1-2-3-4-5)"), None);
    }

    #[test]
    fn the_system_administrators_and_services_are_trusted() {
        for who in ["S-1-5-18", "S-1-5-32-544", "S-1-5-80-1-2-3-4-5"] {
            assert!(is_trusted(who), "{who}");
        }
        for who in [OWNER, "S-1-5-32-545", "S-1-1-0", "S-1-5-181", ""] {
            assert!(!is_trusted(who), "{who}");
        }
    }

    #[test]
    fn what_is_denied_audited_or_for_others_below_does_not_count() {
        for list in [
            "(D;;FA;;;WD)",
            "(A;OICIIO;FA;;;WD)",
            "(A;;RC;;;WD)",
            "(A;;FA;;;OW)S:(AU;SAFA;FA;;;WD)",
            "",
        ] {
            assert_eq!(found(list), None, "{list}");
        }
    }
}
