//! Carrying out the commands of a script.

use std::collections::HashMap;

use wasm_aot_compiler::{Options, compile};
use wasm_aot_loader::{
    CallError, Config, Exception, Imports, Instance, InstantiationError, LinkError, Module, Store,
    Trap, Val,
};
use wast::token::Id;
use wast::{QuoteWat, QuoteWatTest, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

use crate::Open;
use crate::{compare, spectest, values};

/// What a script has made so far.
pub(crate) struct Script<'a> {
    options: &'a Options,
    open: &'a Open<'a>,
    store: Store,
    /// What modules can import: `spectest`, and what was registered.
    imports: Imports,
    /// Instances and definitions that have names.
    instances: HashMap<&'a str, Instance>,
    definitions: HashMap<&'a str, Module>,
    /// The last ones. Nothing if the last one failed, so that what follows does
    /// not pass or fail on another one.
    instance: Option<Instance>,
    definition: Option<Module>,
}

/// Why an action did not return.
enum Failed {
    Trap(Trap),
    Exception(Exception),
    Link(LinkError),
    /// Nothing that an assertion could ask for.
    Other(String),
}

impl<'a> Script<'a> {
    pub(crate) fn new(options: &'a Options, open: &'a Open<'a>) -> Script<'a> {
        let config = Config::new().signals(options.signals);
        let mut store = Store::with_config(&config);
        let imports = spectest::imports(&mut store);
        Script {
            options,
            open,
            store,
            imports,
            instances: HashMap::new(),
            definitions: HashMap::new(),
            instance: None,
            definition: None,
        }
    }

    /// Carries out a command; an error says what was expected and found.
    pub(crate) fn run(&mut self, directive: WastDirective<'a>) -> Result<(), String> {
        match directive {
            WastDirective::Module(module) => {
                let id = module.name();
                self.instance = None;
                let instance = self.instantiate_source(module)?;
                self.name_instance(id, instance);
                Ok(())
            }
            WastDirective::ModuleDefinition(module) => {
                let id = module.name();
                self.definition = None;
                let module = self.load(module)?;
                if let Some(id) = id {
                    self.definitions.insert(id.name(), module.clone());
                }
                self.definition = Some(module);
                Ok(())
            }
            WastDirective::ModuleInstance {
                instance, module, ..
            } => {
                self.instance = None;
                let module = match module {
                    Some(id) => self.definitions.get(id.name()),
                    None => self.definition.as_ref(),
                };
                let module = module.ok_or("no such module definition")?.clone();
                let id = instance;
                let instance = self.instantiate(&module)?;
                self.name_instance(id, instance);
                Ok(())
            }
            WastDirective::Register { name, module, .. } => {
                let instance = self.instance(module)?;
                self.imports.instance(name, &self.store, instance);
                Ok(())
            }
            WastDirective::Invoke(call) => {
                self.invoke(call)?;
                Ok(())
            }
            WastDirective::AssertReturn { exec, results, .. } => self.assert_return(exec, &results),
            WastDirective::AssertTrap { exec, message, .. } => {
                let result = self.execute(exec);
                self.assert_trap(result, message)
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let result = self.invoke(call);
                self.assert_trap(result, message)
            }
            WastDirective::AssertUnlinkable {
                module, message, ..
            } => match self.instantiate_source(QuoteWat::Wat(module)) {
                Err(Failed::Link(error)) => check_text(message, &error.to_string()),
                Err(other) => Err(format!(
                    "expected {message:?}, found {}",
                    String::from(other)
                )),
                Ok(_) => Err(format!("expected {message:?}, but the module was linked")),
            },
            WastDirective::AssertMalformed {
                module, message, ..
            }
            | WastDirective::AssertMalformedCustom {
                module, message, ..
            }
            | WastDirective::AssertInvalid {
                module, message, ..
            }
            | WastDirective::AssertInvalidCustom {
                module, message, ..
            } => self.assert_refused(module, message),
            WastDirective::AssertException { exec, .. } => match self.execute(exec) {
                Err(Failed::Exception(_)) => Ok(()),
                Err(other) => Err(format!(
                    "expected an exception, found {}",
                    String::from(other)
                )),
                Ok(values) => Err(format!(
                    "expected an exception, found {}",
                    self.show(&values)
                )),
            },
            WastDirective::AssertSuspension { .. }
            | WastDirective::Thread(_)
            | WastDirective::Wait { .. } => Err("this command is not supported".to_owned()),
        }
    }

    fn assert_return(
        &mut self,
        exec: WastExecute<'a>,
        expected: &[WastRet<'_>],
    ) -> Result<(), String> {
        let found = self.execute(exec);
        let expected = (expected.iter())
            .map(|result| match result {
                WastRet::Core(result) => Ok(result),
                _ => Err("only core values are supported"),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let show_expected = || {
            let expected = expected.iter();
            values::list(expected.map(|result| values::show_expected(result)))
        };
        let found = found.map_err(|failed| {
            let failed = String::from(failed);
            format!("expected {}, found {failed}", show_expected())
        })?;
        let same = expected.len() == found.len()
            && (expected.iter().zip(&found))
                .all(|(expected, found)| compare::matches(expected, found, &self.store));
        match same {
            true => Ok(()),
            false => Err(format!(
                "expected {}, found {}",
                show_expected(),
                self.show(&found)
            )),
        }
    }

    fn assert_trap(&self, result: Result<Vec<Val>, Failed>, expected: &str) -> Result<(), String> {
        match result {
            Err(Failed::Trap(trap)) => check_text(expected, trap.message()),
            Err(other) => Err(format!(
                "expected trap {expected:?}, found {}",
                String::from(other)
            )),
            Ok(values) => Err(format!(
                "expected trap {expected:?}, found {}",
                self.show(&values)
            )),
        }
    }

    fn show(&self, values: &[Val]) -> String {
        values::list(values.iter().map(|value| values::show(value, &self.store)))
    }

    /// The compiler, not just its validator, has to refuse a bad module.
    fn assert_refused(&self, mut module: QuoteWat<'a>, message: &str) -> Result<(), String> {
        let Ok(module) = module.to_test() else {
            return Ok(()); // cannot even be written in binary
        };
        let (QuoteWatTest::Binary(bytes) | QuoteWatTest::Text(bytes)) = module;
        match compile(&bytes, self.options) {
            Err(
                wasm_aot_compiler::Error::Text(_)
                | wasm_aot_compiler::Error::Invalid { .. }
                | wasm_aot_compiler::Error::Unsupported { .. },
            ) => Ok(()),
            Err(other) => Err(format!(
                "expected {message:?}, but validation passed; then: {other}"
            )),
            Ok(_) => Err(format!("expected {message:?}, but the module was compiled")),
        }
    }

    fn execute(&mut self, exec: WastExecute<'a>) -> Result<Vec<Val>, Failed> {
        match exec {
            WastExecute::Invoke(call) => self.invoke(call),
            WastExecute::Wat(module) => {
                self.instantiate_source(QuoteWat::Wat(module))?;
                Ok(Vec::new())
            }
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                let global = (instance.get_global(&self.store, global)).map_err(other)?;
                Ok(vec![global.get(&self.store)])
            }
        }
    }

    fn invoke(&mut self, call: WastInvoke<'a>) -> Result<Vec<Val>, Failed> {
        let instance = self.instance(call.module)?;
        let function = instance.get_func(&self.store, call.name).map_err(other)?;
        let arguments = (call.args.iter())
            .map(|argument| values::argument(argument, &mut self.store))
            .collect::<Result<Vec<_>, _>>()?;
        let ty = function.ty(&self.store);
        let mut results: Vec<_> = ty
            .results()
            .iter()
            .map(|&ty| Val::default_for(ty))
            .collect();
        match function.call(&mut self.store, &arguments, &mut results) {
            Ok(()) => Ok(results),
            Err(CallError::Trap(trap)) => Err(Failed::Trap(trap)),
            Err(CallError::Exception(exception)) => Err(Failed::Exception(exception)),
            Err(error) => Err(other(error)),
        }
    }

    /// The instance of a name, or the last one.
    fn instance(&self, id: Option<Id<'_>>) -> Result<Instance, String> {
        let instance = match id {
            Some(id) => self.instances.get(id.name()).copied(),
            None => self.instance,
        };
        instance.ok_or_else(|| match id {
            Some(id) => format!("there is no instance ${}", id.name()),
            None => "there is no instance, or the last one failed".to_owned(),
        })
    }

    fn name_instance(&mut self, id: Option<Id<'a>>, instance: Instance) {
        if let Some(id) = id {
            self.instances.insert(id.name(), instance);
        }
        self.instance = Some(instance);
    }

    fn instantiate_source(&mut self, module: QuoteWat<'a>) -> Result<Instance, Failed> {
        let module = self.load(module)?;
        self.instantiate(&module)
    }

    fn instantiate(&mut self, module: &Module) -> Result<Instance, Failed> {
        Instance::new(&mut self.store, module, &self.imports).map_err(|error| match error {
            InstantiationError::Trap(trap) => Failed::Trap(trap),
            InstantiationError::Exception(exception) => Failed::Exception(exception),
            InstantiationError::Link(error) => Failed::Link(error),
            error => other(error),
        })
    }

    /// Compiles a module and opens the artefact.
    fn load(&self, mut module: QuoteWat<'a>) -> Result<Module, String> {
        if matches!(
            module,
            QuoteWat::Wat(Wat::Component(_)) | QuoteWat::QuoteComponent(..)
        ) {
            return Err("components are not supported".to_owned());
        }
        let wasm = module.encode().map_err(|error| error.message())?;
        let artefact = compile(&wasm, self.options).map_err(|error| error.to_string())?;
        (self.open)(&artefact).map_err(|error| format!("cannot open the artefact: {error}"))
    }
}

/// Compares the text of a trap or link error with the expected one.
fn check_text(expected: &str, found: &str) -> Result<(), String> {
    // "uninitialized element 2": an implementation may leave out the index.
    let with_index = expected
        .strip_prefix(found)
        .and_then(|rest| rest.strip_prefix(' '))
        .is_some_and(|index| index.parse::<u32>().is_ok());
    if found.starts_with(expected) || with_index {
        return Ok(());
    }
    Err(format!("expected {expected:?}, found {found}"))
}

fn other(error: impl std::error::Error) -> Failed {
    Failed::Other(error.to_string())
}

impl From<String> for Failed {
    fn from(message: String) -> Failed {
        Failed::Other(message)
    }
}

impl From<Failed> for String {
    fn from(failed: Failed) -> String {
        match failed {
            Failed::Trap(trap) => format!("trap {:?}", trap.message()),
            Failed::Exception(exception) => format!("exception {}", exception.message()),
            Failed::Link(error) => error.to_string(),
            Failed::Other(message) => message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check_text;

    #[test]
    fn texts_may_be_longer_and_may_leave_out_an_index() {
        assert!(check_text("unknown import", "unknown import: \"a\" \"b\"").is_ok());
        assert!(check_text("uninitialized element 2", "uninitialized element").is_ok());
        assert!(check_text("unreachable", "unreachable").is_ok());
    }

    #[test]
    fn other_texts_do_not_match() {
        assert!(check_text("unreachable", "undefined element").is_err());
        assert!(check_text("undefined element", "undefined").is_err());
        assert!(check_text("undefined element two", "undefined element").is_err());
        assert!(check_text("unreachable", "").is_err());
    }
}
