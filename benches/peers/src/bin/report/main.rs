//! Puts together what `scripts/bench` has measured: the table of goals on standard output, the same with
//! all figures and plots in the documentation.
//!
//! `report RESULTS PAGE`: the folder with the benches' outputs, and the Markdown file between whose
//! markers the figures go; the plots go into the folder beside it that is named as it. Ends with
//! failure if a goal's figure is not there.
#![allow(clippy::unwrap_used, reason = "a bench stops where it is surprised")]

mod charts;
mod goals;
mod page;
mod plot;
mod results;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use crate::goals::Goal;
use crate::results::Results;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, page] = &arguments[..] else {
        eprintln!("report RESULTS PAGE");
        return ExitCode::from(2);
    };
    let (folder, page) = (Path::new(folder), Path::new(page));
    let results = Results::read(folder);
    let goals = goals::goals(&results);
    let table = goals::table(&goals);
    println!("{table}");

    let text = fs::read_to_string(page).unwrap();
    fs::write(page, page::fill(&text, &table, &results)).unwrap();
    let plots = page.with_extension("");
    fs::create_dir_all(&plots).unwrap();
    for chart in charts::all(&results) {
        fs::write(plots.join(chart.file), chart.draw()).unwrap();
    }
    if goals.iter().all(Goal::is_measured) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
