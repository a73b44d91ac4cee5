//! A program that loads every compiled module in a folder when it starts, calls
//! each, and survives those that fail.
//!
//! A plugin exports `name` (the address of a text that ends with 0, in its
//! memory) and `transform`, from a number to a number. It may import `log` of
//! `host`.

use std::error::Error;
use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::{env, fs};

use wasm_aot_loader::{Caller, Imports, Instance, Module, Store, TypedFunc, imports};

/// A plugin, in a store of its own: it shares nothing with the others.
struct Plugin {
    name: String,
    store: Store,
    transform: TypedFunc<i64, i64>,
}

impl Plugin {
    fn load(path: &Path, imports: &Imports) -> Result<Plugin, Box<dyn Error>> {
        let module = Module::open(path)?;
        let mut store = Store::new();
        let instance = Instance::new(&mut store, &module, imports)?;
        let name = instance.get_typed_func::<(), u32>(&store, "name")?;
        let name = name.call(&mut store, ())? as usize;
        let memory = instance.get_memory(&store, "memory")?;
        let text = memory
            .data(&store)
            .get(name..)
            .ok_or("its name is beyond its memory")?;
        Ok(Plugin {
            name: CStr::from_bytes_until_nul(text)?.to_str()?.to_owned(),
            transform: instance.get_typed_func(&store, "transform")?,
            store,
        })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args_os().nth(1).ok_or("usage: plugin-host FOLDER")?;
    let imports = imports! {
        "host" => {
            "log" => |caller: Caller<'_>, value: i64| {
                let plugin = caller.instance().map(|plugin| plugin.module(&caller).name().to_owned());
                println!("  {}: {value}", plugin.unwrap_or_default());
            },
        },
    };

    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "so"));
    paths.sort();
    let mut plugins = Vec::new();
    for path in paths {
        match Plugin::load(&path, &imports) {
            Ok(plugin) => plugins.push(plugin),
            Err(error) => {
                let file = path.file_name().unwrap_or_default();
                println!("{} is left out: {error}", file.display());
            }
        }
    }

    for plugin in &mut plugins {
        match plugin.transform.call(&mut plugin.store, 12) {
            Ok(result) => println!("{}: {result}", plugin.name),
            // It can be called again, as the others can.
            Err(error) => println!("{}: {error}", plugin.name),
        }
    }
    Ok(())
}
