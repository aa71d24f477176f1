//! Checking a file without running it.

use super::format::{self, Problem};

/// What is wrong in `text`; empty when it can be run. `file` is only for the places.
pub fn lint(text: &str, file: &str) -> Vec<Problem> {
    format::parse(text, file).err().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRONT: &str = "+++\nid = \"x\"\ntitle = \"X\"\nowner = \"us\"\nuse_when = \"Always.\"\n";

    /// A file whose front matter ends with `front` from line 6 on, and whose body is `body`.
    fn problems(front: &str, body: &str) -> Vec<String> {
        let text = format!("{FRONT}{front}+++\n{body}");
        lint(&text, "x.md").iter().map(ToString::to_string).collect()
    }

    /// One step under a heading; its block's first line is line 9 of the file.
    fn step(lines: &str) -> Vec<String> {
        problems(
            "",
            &format!("## One\n```step\n{lines}\n```\n## Two\n```step\nkind = \"note\"\n```\n"),
        )
    }

    #[test]
    fn a_good_file_has_no_problem() {
        assert_eq!(
            step("kind = \"gate\"\nexpect = \"rollout.ready > 0\"\non_fail = \"goto: two\""),
            [""; 0]
        );
    }

    #[test]
    fn every_mistake_is_named_with_its_line_and_column_and_what_was_expected() {
        let cases = [
            (
                step("kind = \"gate\"\nexpect = \"rollout.raedy > 0\""),
                "x.md:10:11: there is no `rollout.raedy`; expected a fact or a parameter, perhaps `rollout.ready`",
            ),
            (
                step("kind = \"gate\"\nexpect = \"1 == 1 && rollout.sized\""),
                "x.md:10:21: there is no `rollout.sized`",
            ),
            (
                step("kind = \"gate\"\nexpect = \"rollout.ready\""),
                "x.md:10:11: the expression gives an integer; expected true or false",
            ),
            (
                step("kind = \"gate\"\nexpect = \"rollout.ready == 'x'\""),
                "x.md:10:25: an integer is compared with a text",
            ),
            (step("kind = \"gate\"\nexpect = \"rollout.ready >\""), "x.md:10:"),
            (step("kind = \"gate\""), "x.md:9:1: `expect` is missing"),
            (
                step("kind = \"gate\"\nexpect = 3"),
                "x.md:10:10: `expect` is of type integer; expected a text in quotes",
            ),
            (
                step("kind = \"gaet\""),
                "x.md:9:9: there is no kind `gaet`; expected note, diagnose",
            ),
            (
                step("kind = \"sub\""),
                "x.md:9:9: there is no kind `sub`; expected note, diagnose, gate",
            ),
            (
                step("kind = \"note\"\ncolour = 1"),
                "x.md:10:1: this step has no `colour`",
            ),
            (
                step("kind = \"note\"\nrequird = true"),
                "x.md:10:1: this step has no `requird`; expected perhaps `required`",
            ),
            (
                step("kind = \"note\"\nrequired = \"yes\""),
                "x.md:10:12: `required` is of type string; expected true or false",
            ),
            (
                step("kind = \"gate\"\nexpect = \"true\"\non_fail = \"goto: twoo\""),
                "x.md:11:18: there is no step `twoo`; expected perhaps `two`",
            ),
            (
                step("kind = \"gate\"\nexpect = \"true\"\non_fail = \"goto: one\""),
                "x.md:11:18: `one` is not a later step",
            ),
            (
                step("kind = \"gate\"\nexpect = \"true\"\non_fail = \"again\""),
                "x.md:11:12: `again` is no way to go on",
            ),
            (
                step("kind = \"action\"\naction = \"scael\"\ntarget = \"a\""),
                "x.md:10:11: there is no action `scael`; expected one of scale",
            ),
            (
                step("kind = \"action\"\naction = \"scale\"\ntarget = \"a\""),
                "x.md:9:1: `replicas` is missing",
            ),
            (
                step("kind = \"action\"\naction = \"scale\"\ntarget = \"a\"\nreplicas = \"many\""),
                "x.md:12:13: a text stands here; expected an integer",
            ),
            (
                step("kind = \"action\"\naction = \"scale\"\ntarget = \"a\"\nreplicas = \"{{ rollout.image }}\""),
                "x.md:12:16: the expression gives a text; expected an integer",
            ),
            (
                step("kind = \"action\"\naction = \"restart\"\ntarget = \"{{ nobody }}\""),
                "x.md:11:14: there is no `nobody`",
            ),
            (
                step("kind = \"action\"\naction = \"restart\"\ntarget = \"{{ nobody\""),
                "x.md:11:11: `{{` is not closed",
            ),
            (
                step("kind = \"action\"\naction = \"delete-keys\"\ntarget = \"redis/cache\""),
                "x.md:9:1: `prefix` is missing",
            ),
            (
                step(
                    "kind = \"action\"\naction = \"vacuum\"\ntarget = \"{{ pg.table.target }}\"\nanalyze = \"{{ pg.table.dead }}\"",
                ),
                "x.md:12:15: the expression gives an integer; expected true or false",
            ),
            (
                step("kind = \"wait\"\nuntil = \"true\""),
                "x.md:9:1: `deadline` is missing",
            ),
            (
                step("kind = \"wait\"\nuntil = \"true\"\ndeadline = \"5\""),
                "x.md:11:13: `5` is not a duration",
            ),
            (
                step("kind = \"wait\"\nuntil = \"true\"\ndeadline = \"5m\"\nfor = \"5m\""),
                "x.md:11:13: the deadline is not longer than `for`",
            ),
            (
                step("kind = \"diagnose\"\nopens = [\"log\"]"),
                "x.md:10:11: there is no view `log`",
            ),
            (
                step("kind = \"diagnose\"\n[[look]]\nlabel = \"a\""),
                "x.md:10:1: `value` is missing",
            ),
            (
                step("kind = \"branch\"\n[[cases]]\nif = \"true\"\ngoto = \"three\""),
                "x.md:12:9: there is no step `three`",
            ),
            (step("kind = \"ask\""), "x.md:9:1: it asks for nothing"),
            (
                step("kind = \"ask\"\nparam = \"p\""),
                "x.md:10:10: there is no parameter `p`",
            ),
            (step("kind = \"note\"\nkind = \"note\""), "x.md:10:1: duplicate key"),
            (step("kind = "), "x.md:9:"),
            (
                problems(
                    "",
                    "## One\n```step\nkind = \"note\"\n```\n## one?\n```step\nkind = \"note\"\n```\n",
                ),
                "x.md:11:1: two steps are called `one`",
            ),
            (
                problems(
                    "",
                    "## One\n```step\nkind = \"note\"\n```\n```step\nkind = \"note\"\n```\n",
                ),
                "x.md:11:1: a second step block",
            ),
            (
                problems("", "```step\nkind = \"note\"\n```\n"),
                "x.md:7:1: a step block stands under no `##` heading",
            ),
            (
                problems("", "## One\n- a\n\n  ```step\n  kind = \"note\"\n  ```\n"),
                "x.md:10:3: a step block stands inside a list",
            ),
            (problems("", "Only prose.\n"), "x.md:8:1: there is no step"),
            (
                problems(
                    "",
                    "## A {{ rollout }}\nSee {{ rollout.x }}.\n```step\nkind = \"note\"\n```\n",
                ),
                "x.md:8:8: there is no `rollout.x`",
            ),
            (
                problems("", "## One\n<b>x</b>\n```step\nkind = \"note\"\n```\n"),
                "x.md:8:1: HTML cannot be shown",
            ),
            (
                problems("colour = 1\n", ""),
                "x.md:6:1: the front matter has no `colour`",
            ),
            (
                problems("verified = \"yesterday\"\n", ""),
                "x.md:6:13: `yesterday` is not a day",
            ),
            (
                problems("[params.n]\ntype = \"integer\"\n", ""),
                "x.md:7:9: there is no type `integer`",
            ),
            (
                problems("[params.n]\ntype = \"quantity\"\n", ""),
                "x.md:7:9: there is no type `quantity`; expected workload, pod",
            ),
            (
                problems("[params.n]\ntype = \"int\"\nmin = 5\nmax = 1\n", ""),
                "x.md:9:7: `max` is below `min`",
            ),
            (
                problems("[params.n]\ntype = \"int\"\ndefault = \"{{ rollout.image }}\"\n", ""),
                "x.md:8:15: the expression gives a text; expected an integer",
            ),
            (
                problems("[params.rollout]\ntype = \"int\"\n", ""),
                "x.md:6:9: `rollout` cannot name a parameter",
            ),
            (
                problems("[params.queue]\ntype = \"queue\"\n", ""),
                "x.md:6:9: `queue` cannot name a parameter",
            ),
            (
                problems("[params.c]\ntype = \"choice\"\n", ""),
                "x.md:6:9: `choices` is missing",
            ),
            (
                step("kind = \"ask\"\nanswer = \"float\"\nas = \"n\""),
                "x.md:10:11: there is no answer of type `float`; expected int, string, bool",
            ),
            (step("kind = \"ask\"\nanswer = \"int\""), "x.md:9:1: `as` is missing"),
            (
                step("kind = \"ask\"\nanswer = \"int\"\nas = \"N\""),
                "x.md:11:7: `N` cannot name an output",
            ),
            (
                step("kind = \"note\"\noutputs = { n = \"rollout.readdy\" }"),
                "x.md:10:18: there is no `rollout.readdy`; expected a fact or a parameter, perhaps `rollout.ready`",
            ),
            (
                step("kind = \"note\"\noutputs = { n = \"result.exit\" }"),
                "x.md:10:18: there is no `result.exit`",
            ),
            (
                step("kind = \"gate\"\nexpect = \"out.n == 1\""),
                "x.md:10:11: there is no `out.n`",
            ),
            (step("kind = \"approve\""), "x.md:9:1: `text` is missing"),
            (
                step("kind = \"notify\"\ntext = \"{{ rollout.x }}\""),
                "x.md:10:12: there is no `rollout.x`",
            ),
            (step("kind = \"run\"\ntimeout = \"5s\""), "x.md:9:1: `argv` is missing"),
            (
                step("kind = \"run\"\nargv = [\"ls\"]"),
                "x.md:9:1: `timeout` is missing",
            ),
            (
                step("kind = \"run\"\nargv = [\"ls\"]\ntimeout = \"2h\""),
                "x.md:11:12: the timeout is out of range",
            ),
            (
                step("kind = \"run\"\nargv = [\"sh\", \"-c\", \"ls\"]\ntimeout = \"5s\""),
                "x.md:10:10: `sh` runs other commands; expected the program itself",
            ),
            (
                step("kind = \"run\"\nargv = [\"{{ rollout.image }}\"]\ntimeout = \"5s\""),
                "x.md:10:10: `{{ rollout.image }}` is no program",
            ),
            (
                step("kind = \"run\"\nargv = [\"ls\", \"--at={{ rollout.image }}\"]\ntimeout = \"5s\""),
                "x.md:10:16: an argument is filled in whole; expected plain text, or one",
            ),
            (
                step("kind = \"run\"\nargv = [\"ls\"]\ntimeout = \"5s\"\nok = [300]"),
                "x.md:12:7: 300 is no exit code",
            ),
            (
                step("kind = \"run\"\nargv = [\"ls\"]\ntimeout = \"5s\"\nenv = { LD_PRELOAD = \"x\" }"),
                "x.md:12:9: `LD_PRELOAD` cannot be set for a command",
            ),
            (
                step("kind = \"wait\"\nuntil = \"true\"\ndeadline = \"5m\"\nabort_if = [{ times = 3 }]"),
                "x.md:12:13: `when` is missing",
            ),
            (
                step(
                    "kind = \"wait\"\nuntil = \"true\"\ndeadline = \"5m\"\nabort_if = [{ when = \"true\", times = 0 }]",
                ),
                "x.md:12:38: `times` is 0; expected from 1 to 100",
            ),
            (
                problems("[params.s]\ntype = \"string\"\nsecret = true\ndefault = \"x\"\n", ""),
                "x.md:6:9: `s` is secret; expected type = \"string\" and no default",
            ),
            (
                problems(
                    "[params.s]\ntype = \"string\"\nsecret = true\n",
                    "## One\nIt is {{ s }}.\n```step\nkind = \"note\"\n```\n",
                ),
                "x.md:11:10: `s` is secret; expected it only as the value of a variable in `env`",
            ),
            (
                problems("[params.out]\ntype = \"int\"\n", ""),
                "x.md:6:9: `out` cannot name a parameter",
            ),
            (
                problems("[params.d]\ntype = \"database\"\n", ""),
                "x.md:7:9: there is no type `database`; expected `postgres`",
            ),
            (
                lint("hello", "x.md").iter().map(ToString::to_string).collect(),
                "x.md:1:1: the file has no front matter",
            ),
            (
                lint("+++\nid = \"x\"\n", "x.md")
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                "x.md:1:1: the front matter is not closed",
            ),
            (
                lint("+++\na\u{1b}]52;c;x\n+++\n", "x.md")
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                "x.md:2:2: there is a control character U+001B",
            ),
            (
                lint("+++\ntitle = 1\n+++\n", "x.md")
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                "x.md:2:1: `id` is missing",
            ),
        ];
        for (problems, wanted) in cases {
            assert!(
                problems.iter().any(|problem| problem.starts_with(wanted)),
                "wanted {wanted}\n   got {problems:#?}"
            );
        }
    }
}
