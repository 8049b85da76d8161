// The questions from the most to the least urgent, each with its answer in a word and in a sentence.

import { byId, element, reconcile, setText, shape } from './elements.js';

const ICONS = {
  good: ['M3 8.5l3.2 3L13 4.5', 'as it should be'],
  notice: ['M8 3.5v5.5M8 11.6v.6', 'going on'],
  alarm: ['M4 4l8 8M12 4l-8 8', 'needs attention'],
  unknown: ['M5.6 6a2.4 2.4 0 1 1 3.4 2.2c-.8.4-1 .8-1 1.6M8 12v.4', 'unknown'],
};
const OUTLINES = {
  good: 'M8 0a8 8 0 1 0 0 16A8 8 0 1 0 8 0z',
  notice: 'M8 0l8 8-8 8-8-8z',
  alarm: 'M4.7 0h6.6L16 4.7v6.6L11.3 16H4.7L0 11.3V4.7z',
  unknown: 'M1 1h14v14H1z',
};

/** An icon whose outline and sign differ with the verdict, not only its colour. */
export function verdictIcon(verdict) {
  const [sign, label] = ICONS[verdict];
  return shape('svg', { class: `icon ${verdict}`, viewBox: '0 0 16 16', role: 'img', 'aria-label': label },
    shape('path', { class: 'outline', d: OUTLINES[verdict] }), shape('path', { class: 'sign', d: sign }));
}

export function showQuestions(questions) {
  reconcile(byId('questions'), questions, (asked) => asked.question,
    (asked) => element('article', {},
      element('h2', {}, asked.question), element('p', { className: 'answer' }), element('p', { className: 'sentence' })),
    (card, asked) => {
      card.className = asked.verdict;
      const answer = card.querySelector('.answer');
      if (answer.dataset.shown !== asked.verdict + asked.answer) {
        answer.dataset.shown = asked.verdict + asked.answer;
        answer.replaceChildren(verdictIcon(asked.verdict), ` ${asked.answer}`);
      }
      setText(card.querySelector('.sentence'), asked.sentence);
    });
}
