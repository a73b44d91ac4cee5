//! The page of `wasm-aot explore`: what is in it, and what a browser makes of it. Without
//! Chromium that is skipped; `.ci/tools browser` installs it.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{describe, installed, wasm_aot};
use tempfile::TempDir;

/// The page of a module of `tests`, in a folder of its own.
fn page(module: &str, arguments: &[&str]) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let module = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(module);
    let output = wasm_aot()
        .arg("explore")
        .arg(module)
        .args(["-o", "page.html"])
        .args(arguments)
        .current_dir(&folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", describe(&output));
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
    let page = fs::read_to_string(folder.path().join("page.html")).unwrap();
    (folder, page)
}

/// What the page has in itself.
fn data(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once(r#"id="data">"#).unwrap();
    let (data, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(data).unwrap()
}

fn function<'a>(data: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let functions = data["functions"].as_array().unwrap();
    let mut named = functions.iter().filter(|function| function["name"] == name);
    named.next().unwrap_or_else(|| panic!("no function {name}"))
}

/// The texts of the rows of a column that belong to an operator.
fn rows_at(column: &serde_json::Value, offset: u64) -> Vec<&str> {
    let rows = column.as_array().unwrap().iter();
    rows.filter(|row| row[0].as_array().unwrap().iter().any(|at| at == offset))
        .map(|row| row[2].as_str().unwrap())
        .collect()
}

#[test]
fn an_operator_is_found_in_every_column() {
    for (arguments, store) in [
        (&["--target", "x86_64"][..], "mov      dword ptr ["),
        (&["--target", "aarch64"], "str      w"),
        (&["--target", "riscv64"], "sw     "),
    ] {
        let (_folder, page) = page("debug/rust.wasm", arguments);
        let data = data(&page);
        let code = &function(&data, "fail")["code"];
        let wasm = code["wasm"].as_array().unwrap();
        let row = wasm
            .iter()
            .find(|row| row[2].as_str().unwrap().contains("i32.store offset=12"));
        let offset = row.unwrap()[0][0].as_u64().unwrap();
        let clif = rows_at(&code["clif"], offset);
        assert!(clif.iter().any(|row| row.contains("store")), "{clif:?}");
        let machine = rows_at(&code["machine"], offset);
        assert!(machine.iter().any(|row| row.contains(store)), "{machine:?}");
        assert_eq!(rows_at(&code["source"], offset).len(), 1);
        // Calls are by name, where the address is in one instruction.
        let all = code["machine"].to_string();
        let named = all.contains("; _ZN5lines4work");
        assert!(named || arguments.contains(&"riscv64"), "{all}");
    }
}

#[test]
fn a_page_needs_nothing_else() {
    let (_folder, page) = page("debug/rust.wasm", &[]);
    let (head, _) = page.split_once(r#"id="data">"#).unwrap();
    for outside in ["http", "src=", "@import", "url("] {
        let text = head.replace("http-equiv", "");
        assert!(!text.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn what_a_module_calls_itself_stays_text() {
    let folder = tempfile::tempdir().unwrap();
    let name = "</script><script>alert(1)</script>";
    let text = format!("(module (func $\"{name}\" (export \"{name}\")))");
    let path = folder.path().join("&<b>.wat");
    fs::write(&path, text).unwrap();
    let output = wasm_aot().arg("explore").arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", describe(&output));
    let page = fs::read_to_string(folder.path().join("&<b>.html")).unwrap();
    assert!(page.contains("<title>&amp;&lt;b></title>"));
    assert!(!page.contains("alert(1)</script>"));
    function(&data(&page), name);
}

#[test]
fn only_functions_that_are_asked_for_are_in_the_page() {
    let (_folder, page) = page(
        "programs/json/json.wasm",
        &["--function", "main", "--function", "8"],
    );
    let data = data(&page);
    let functions = data["functions"].as_array().unwrap();
    let present = functions
        .iter()
        .filter(|function| !function["code"].is_null());
    assert_eq!(present.count(), 2);
    assert!(!function(&data, "main")["code"].is_null());
    // All of them are in the map.
    assert!(functions.len() > 20);
    assert!(
        functions
            .iter()
            .all(|function| function["size"].as_u64() > Some(0))
    );
}

/// The page as a browser has it, once its program has run; `None` without one.
fn in_browser(folder: &TempDir, at: &str) -> Option<String> {
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let found = browsers.into_iter().find(|browser| {
        let version = Command::new(browser).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    });
    let url = format!("file://{}/page.html{at}", folder.path().display());
    let output = Command::new(found.unwrap_or(browsers[0]))
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .args(["--disable-dev-shm-usage", "--virtual-time-budget=5000"])
        .arg(format!("--user-data-dir={}", folder.path().display()))
        .arg(url)
        .output();
    let output = installed(browsers[0], output)?;
    assert!(output.status.success(), "{}", describe(&output));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// The elements of a class in a column, as text.
fn elements<'a>(dom: &'a str, column: &str, class: &str) -> Vec<&'a str> {
    let start = format!(r#"<div class="rows" id="{column}">"#);
    let (_, rest) = dom.split_once(&start).unwrap_or_else(|| panic!("{column}"));
    let (column, _) = rest.split_once("</section>").unwrap();
    column
        .split("<div")
        .filter(|row| {
            let classes = row.split_once("class=\"").map(|(_, rest)| rest);
            let classes = classes.and_then(|rest| rest.split_once('"'));
            classes.is_some_and(|(classes, _)| classes.split(' ').any(|one| one == class))
        })
        .collect()
}

#[test]
fn a_browser_shows_columns_that_are_linked() {
    let (folder, page) = page("debug/rust.wasm", &[]);
    let data = data(&page);
    let fail = function(&data, "fail");
    let wasm = fail["code"]["wasm"].as_array().unwrap();
    let store = wasm
        .iter()
        .find(|row| row[2].as_str().unwrap().contains("i32.store offset=12"));
    let offset = store.unwrap()[0][0].as_u64().unwrap();
    let Some(dom) = in_browser(&folder, &format!("#{}@{offset:x}", fail["index"])) else {
        return;
    };
    for (column, text) in [
        ("source", "31"),
        ("wasm", "i32.store offset=12"),
        ("clif", "store"),
        ("machine", "mov"),
    ] {
        let on = elements(&dom, column, "on");
        assert!(!on.is_empty(), "{column} in {dom}");
        assert!(on.iter().any(|row| row.contains(text)), "{column}: {on:?}");
        let linked = elements(&dom, column, "linked").len();
        assert!(on.len() < linked || column == "source", "not all of it");
    }
    // The map has sections and functions, and the one that is shown is marked.
    assert!(dom.contains(r#"title=".wasm_aot: "#), "{dom}");
    assert!(dom.contains(r#"class="function chosen""#), "{dom}");
}

#[test]
fn a_browser_shows_one_function_of_many_at_a_time() {
    let (folder, page) = page("programs/json/json.wasm", &[]);
    let data = data(&page);
    let main = function(&data, "main");
    let Some(dom) = in_browser(&folder, &format!("#{}", main["index"])) else {
        return;
    };
    let rows = elements(&dom, "wasm", "linked").len();
    let expected = main["code"]["wasm"].as_array().unwrap();
    let expected = expected.iter().filter(|row| row[1] != "").count();
    assert_eq!(rows, expected);
    assert!(elements(&dom, "machine", "on").is_empty());
    assert!(!dom.contains(r#"id="source""#), "there is none");
    let functions = data["functions"].as_array().unwrap().len();
    assert_eq!(dom.matches("<option").count(), functions);
}
