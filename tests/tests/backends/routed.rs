//! Several backends as one: which job goes where, as the settings say.

use super::*;

fn has_module(serving: &Serving) -> bool {
    let listed = serving.on_its_folder().args(["module", "list"]).output().unwrap();
    String::from_utf8(listed.stdout).unwrap().contains("sha256:")
}

#[test]
fn jobs_go_where_their_function_or_their_labels_send_them_and_all_others_stay_here() {
    let (folder, [one, other]) = (Folder::filled(), [Serving::start(&[]), Serving::start(&[])]);
    let settings = format!(
        "[backends.named]\nurl = '{}'\nfunctions = ['guest/ec*']\n[backends.gpu]\nurl = '{}'\nlabels = {{ needs = 'gpu' }}\n",
        one.url, other.url
    );
    fs::write(folder.data().join("au-host.toml"), settings).unwrap();
    folder.run(["run", "guest", "kept", "--label", "needs=much"]).succeeded();
    assert_eq!((has_module(&one), has_module(&other)), (false, false));
    assert_eq!(folder.run(["run", "guest", "echo", "5"]).succeeded().out, "[5]\n");
    assert_eq!((has_module(&one), has_module(&other)), (true, false));
    folder.run(["run", "guest", "kept", "--label", "needs=gpu"]).succeeded();
    assert_eq!((has_module(&one), has_module(&other)), (true, true));
    let doctor = folder.run(["doctor"]).succeeded().out;
    ["named: http://", "gpu: http://", "default: wasm: answers"].iter().for_each(|part| has(&doctor, part));
}

#[test]
fn what_one_of_two_hosts_takes_with_it_when_it_dies_runs_on_the_other() {
    let mut hosts = [Serving::start(&[]), Serving::start(&[])];
    let section = |number: usize, serving: &Serving| {
        format!("[backends.n{number}]\nurl = '{}'\nfunctions = ['guest/*']\n", serving.url)
    };
    let settings: String = hosts.iter().enumerate().map(|(number, serving)| section(number, serving)).collect();
    let worker = Worker::configured(&[], &settings);
    let ids = ["a", "b"].map(|_| worker.endless(&["--retry-delay", "10ms"]));
    ids.iter().for_each(|id| worker.at_half(id, 1));
    hosts[0].kill();
    let again = until("another attempt", || ids.iter().find(|id| worker.status(id)["attempt"] == 2));
    worker.at_half(again, 2);
    ids.iter().for_each(|id| worker.cancel(id));
    ids.iter().for_each(|id| assert_eq!(worker.ended(id)["status"], "cancelled"));
}
