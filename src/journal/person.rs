//! Who sits here, by the name that the operating system has for them.

use std::collections::BTreeMap;

/// The name of this process's user: as the login says it, else as the machine knows the uid, else the uid itself. What
/// starts a console without a login (a container, a service) often leaves the first out.
pub fn login_name() -> String {
    let said = ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    let uid = rustix::process::getuid().as_raw();
    name_of(said, &people(), uid)
}

fn name_of(said: Option<String>, people: &BTreeMap<u32, String>, uid: u32) -> String {
    said.or_else(|| people.get(&uid).cloned())
        .unwrap_or_else(|| uid.to_string())
}

/// Names by uid, as this machine's `/etc/passwd` has them. People of a directory service are not in it; their names are
/// then only claims, and their uids count all the same.
pub(super) fn people() -> BTreeMap<u32, String> {
    parse(&std::fs::read_to_string("/etc/passwd").unwrap_or_default())
}

fn parse(text: &str) -> BTreeMap<u32, String> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(uid)) = (fields.next(), fields.nth(1).and_then(|uid| uid.parse().ok())) {
            found
                .entry(uid)
                .or_insert_with(|| crate::text::clean(name).into_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_no_name_has_the_one_that_the_machine_knows_and_a_number_only_where_nobody_knows_one() {
        let people = parse("root:x:0:0:root:/root:/bin/sh\nkim:x:1000:1000::/home/kim:/bin/sh\n\nbroken\n");
        assert_eq!(name_of(None, &people, 0), "root");
        assert_eq!(name_of(None, &people, 1000), "kim");
        assert_eq!(name_of(Some("k.lind".into()), &people, 1000), "k.lind");
        assert_eq!(name_of(None, &people, 1001), "1001");
    }
}
