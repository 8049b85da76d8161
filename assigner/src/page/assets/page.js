// The page: follows the target in the address's hash, and shows each view of it.

import { showCluster, showTargets } from './cluster.js';
import { followCommands, listenForCommands } from './commands.js';
import { connect } from './connection.js';
import { byId, setText } from './elements.js';
import { showHistory } from './history.js';
import { listenForBands, showKeySpace } from './keyspace.js';
import { followLookup, listenForLookups } from './lookup.js';
import { showMoves } from './moves.js';
import { patterns } from './owners.js';
import { listenForPods, showPods } from './pods.js';
import { showQuestions } from './questions.js';
import { showTimeline } from './timeline.js';

let disconnect = () => {};

function show({ cluster, target }) {
  showCluster(cluster, target);
  showTargets(cluster.targets, target?.name);
  document.body.classList.toggle('empty', !target);
  if (!target) {
    setText(byId('target-name'), cluster.targets.length === 0 ? 'no target yet' : '');
    // The first target appeared after the page was opened.
    if (cluster.targets.length > 0) follow();
    return;
  }
  const mayCommand = cluster.may_command;
  setText(byId('target-name'), target.name);
  byId('frozen').hidden = !target.is_frozen;
  showTitle(target);
  followCommands(target, mayCommand);
  showPods(target, mayCommand);
  showQuestions(target.questions);
  showKeySpace(target);
  showMoves(target);
  showHistory(target.history);
  showTimeline(target.timeline);
  followLookup(target, mayCommand);
  if (performance.getEntriesByName('first view').length === 0) performance.mark('first view');
}

/** The tab shows the first answer that is not good. */
function showTitle({ name, questions }) {
  const open = questions.find((asked) => asked.verdict !== 'good');
  document.title = open ? `${open.question} ${open.answer} – ${name}` : `${name}: served, warm, even, calm`;
}

function follow() {
  disconnect();
  disconnect = connect(decodeURIComponent(location.hash.slice(1)), show);
}

document.body.append(patterns());
listenForLookups();
listenForCommands();
listenForPods();
listenForBands();
addEventListener('hashchange', follow);
follow();
