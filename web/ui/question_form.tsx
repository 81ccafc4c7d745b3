/** The question being ranked: its text, the right and the wrong answer or all four options, construct and subject. */
import { useState } from 'preact/hooks';
import { Examples } from './examples.tsx';
import { Field, Preview } from './field.tsx';
import { edit } from './ranking_session.ts';
import { isBoolean, recall, remember } from './settings.ts';
import { EMPTY_DRAFT, store } from './state.ts';
import { useStore } from './store.ts';

export function QuestionForm() {
  const draft = useStore(store, (s) => s.draft);
  const started = useStore(store, (s) => s.taxonomy !== undefined);
  const [four, setFour] = useState(() => recall('four', isBoolean) ?? false);
  const setOption = (i: number, text: string) =>
    edit({ options: draft.options.map((old, j) => (j === i ? text : old)) });
  return (
    <section class={started ? 'question' : 'question unstarted'} aria-label="The question">
      <div class="toolbar">
        <Examples />
        <button type="button" class="quiet" onClick={() => edit(EMPTY_DRAFT)}>
          Clear
        </button>
      </div>
      <Field label="Question" rows={3} value={draft.question} onInput={(question) => edit({ question })} />
      {four ? (
        <FourOptions />
      ) : (
        <div class="answers">
          <Field
            label="Correct answer"
            value={draft.options[draft.correct]}
            onInput={(text) => setOption(draft.correct, text)}
          />
          <Field
            label="Wrong answer"
            value={draft.options[draft.chosen]}
            onInput={(text) => setOption(draft.chosen, text)}
          />
        </div>
      )}
      <label class="switch">
        <input
          type="checkbox"
          checked={four}
          onChange={(event) => {
            setFour(event.currentTarget.checked);
            remember('four', event.currentTarget.checked || undefined);
          }}
        />
        All four options
      </label>
      <details open={false}>
        <summary>Construct and subject, if you have them</summary>
        <div class="answers">
          <Field label="Construct" value={draft.construct} onInput={(construct) => edit({ construct })} />
          <Field label="Subject" value={draft.subject} onInput={(subject) => edit({ subject })} />
        </div>
      </details>
      <p class="hint">
        Mathematics goes between <code>\(</code> and <code>\)</code>, or <code>\[</code> and <code>\]</code> on a line
        of its own.
      </p>
    </section>
  );
}

/** Four options, one marked as right and another as the pupil's; marking one as both gives the other mark away. */
function FourOptions() {
  const { options, correct, chosen } = useStore(store, (s) => s.draft);
  const mark = (role: 'correct' | 'chosen', i: number) => {
    const now = { correct, chosen };
    const other = role === 'correct' ? 'chosen' : 'correct';
    if (now[other] === i) now[other] = now[role];
    now[role] = i;
    edit(role === 'chosen' && now.correct === correct ? { chosen: i } : now, { now: true });
  };
  return (
    <fieldset class="options">
      <legend>Options</legend>
      <div class="options-head" aria-hidden="true">
        <span>right</span>
        <span>pupil’s</span>
      </div>
      {Array.from('ABCD', (letter, i) => (
        <div key={letter} class={i === chosen ? 'option chosen' : i === correct ? 'option correct' : 'option'}>
          <span class="letter">{letter}</span>
          <div>
            <textarea
              rows={1}
              aria-label={`Option ${letter}`}
              value={options[i]}
              spellcheck={false}
              onInput={(event) => {
                const text = event.currentTarget.value;
                edit({ options: options.map((old, j) => (j === i ? text : old)) });
              }}
            />
            <Preview text={options[i]} />
          </div>
          <input
            type="radio"
            name="correct"
            aria-label={`${letter} is right`}
            checked={i === correct}
            onChange={() => mark('correct', i)}
          />
          <input
            type="radio"
            name="chosen"
            aria-label={`The pupil’s answer is ${letter}`}
            checked={i === chosen}
            onChange={() => mark('chosen', i)}
          />
        </div>
      ))}
    </fieldset>
  );
}
