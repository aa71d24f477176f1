//! Templates of Jobs: `NAME.yaml` in a `jobs` folder of the configuration, each one Job as `kubectl create -f` takes it.
//! Nothing is filled in by text: name, namespace, image and arguments are set in the object that was read.

use std::path::PathBuf;

use serde_json::Value;

use crate::action::draft::refuse;
use crate::action::object::text;
use crate::action::plan::Refusal;

/// No Job that a person writes is longer.
const MOST: u64 = 64 * 1024;

pub(super) struct Template {
    pub job: Value,
    /// Where it was found.
    pub file: String,
}

/// A name that stays within its folder.
fn fits(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 52
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Reads it from the first folder that has it.
pub(super) async fn read(folders: &[PathBuf], name: &str) -> Result<Template, Refusal> {
    if !fits(name) {
        return Err(refuse(
            format!("{name:?} is no name of a template"),
            "small letters, digits and `-`",
        ));
    }
    for folder in folders {
        let path = folder.join(format!("{name}.yaml"));
        let Ok(meta) = tokio::fs::metadata(&path).await else {
            continue;
        };
        let file = path.display().to_string();
        let bad = |why: String| refuse(format!("{file} is no template of a Job: {why}"), "mend the file");
        if !meta.is_file() || meta.len() > MOST {
            return Err(bad("it is no file of up to 64 KiB".to_owned()));
        }
        let bytes = tokio::fs::read(&path).await.map_err(|e| bad(e.to_string()))?;
        let job: Value = serde_yaml_ng::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
        if (text(&job, "/apiVersion"), text(&job, "/kind")) != ("batch/v1", "Job") {
            return Err(bad("it must be of apiVersion batch/v1 and kind Job".to_owned()));
        }
        return Ok(Template { job, file });
    }
    let places: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
    Err(refuse(
        format!("there is no template {name}"),
        if places.is_empty() {
            "there is no folder for templates: set HOME or XDG_CONFIG_HOME".to_owned()
        } else {
            format!("put it as {name}.yaml into {}", places.join(" or "))
        },
    ))
}

/// The names of all templates, sorted.
pub async fn names(folders: &[PathBuf]) -> Vec<String> {
    let mut all = Vec::new();
    for folder in folders {
        let Ok(mut entries) = tokio::fs::read_dir(folder).await else {
            continue;
        };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let file = entry.file_name().to_string_lossy().into_owned();
            all.extend(file.strip_suffix(".yaml").filter(|name| fits(name)).map(str::to_owned));
        }
    }
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_template_is_a_job_in_its_folder_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let folders = [dir.path().to_path_buf()];
        std::fs::write(
            dir.path().join("migrate.yaml"),
            "apiVersion: batch/v1\nkind: Job\nspec: {}\n",
        )
        .unwrap();
        std::fs::write(dir.path().join("pod.yaml"), "apiVersion: v1\nkind: Pod\n").unwrap();
        assert_eq!(names(&folders).await, ["migrate", "pod"]);
        assert!(read(&folders, "migrate").await.is_ok());
        for (name, says) in [
            ("pod", "kind Job"),
            ("none", "there is no template"),
            ("../migrate", "no name"),
        ] {
            let refusal = read(&folders, name).await.map(|_| ()).unwrap_err();
            assert!(refusal.what.contains(says), "{name}: {refusal}");
        }
    }
}
