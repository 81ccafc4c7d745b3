/** View 4: which model reads, what others cost to fetch, models of one's own, adapters, and what the browser keeps. */
import { useState } from 'preact/hooks';
import type { ModelEntry } from '../worker/api.ts';
import { Drop } from './drop.tsx';
import { cancel } from './engine.ts';
import { Notice } from './notice.tsx';
import { ProgressBar } from './progress.tsx';
import { clearVectors, deleteModel, loadModel, setAdapter } from './session.ts';
import { store, untrained } from './state.ts';
import { useStore } from './store.ts';
import { bytes, count, figures } from './units.ts';

export function ModelView() {
  const problem = useStore(store, (s) => s.modelProblem);
  const loading = useStore(store, (s) => s.loading);
  const embedding = useStore(store, (s) => s.embedding);
  const unusable = useStore(store, (s) => s.gpu === undefined || s.gpu.problem !== undefined);
  const busy = loading !== undefined || unusable;
  return (
    <div class="columns even">
      <section aria-label="In use">
        <Current />
        <div class="slot">
          {problem !== undefined && <Notice onClose={() => store.set({ modelProblem: undefined })}>{problem}</Notice>}
          {loading ? (
            <div class="running">
              <ProgressBar title={`Loading ${loading.title}`} progress={loading.progress} />
              <button type="button" onClick={() => void cancel()}>
                Cancel
              </button>
            </div>
          ) : (
            embedding && <ProgressBar title="Reading the taxonomy" progress={embedding} />
          )}
        </div>
        <Adapter busy={busy} />
      </section>
      <section aria-labelledby="models-title">
        <h2 id="models-title">Models to pick</h2>
        <ModelList busy={busy} />
        <HubForm busy={busy} />
        <Drop
          label="Use model files from this disk"
          multiple
          disabled={busy}
          onFiles={(files) => void loadModel({ kind: 'files', files }, files[0].name)}
        >
          A GGUF file; or config.json, tokenizer.json and safetensors files together.
        </Drop>
        <Kept />
      </section>
    </div>
  );
}

function Current() {
  const model = useStore(store, (s) => s.model);
  const general = useStore(store, untrained);
  if (!model) return <p class="empty">No model is loaded.</p>;
  return (
    <div class="card">
      <h2>{model.title}</h2>
      <dl class="facts">
        <dt>Parameters</dt>
        <dd>{model.parameters >= 1e6 ? `${figures(model.parameters / 1e6)} million` : count(model.parameters)}</dd>
        <dt>On the GPU</dt>
        <dd>{bytes(model.gpuBytes)}</dd>
        <dt>Ready after</dt>
        <dd>{figures(model.seconds)} s</dd>
        <dt>Adapter</dt>
        <dd>{model.adapter ?? 'none'}</dd>
      </dl>
      {general && (
        <p class="hint">
          A general language model ranks little better than chance here until an adapter trained on misconceptions is
          put on it.
        </p>
      )}
      {model.note !== undefined && <p class="hint">{model.note}</p>}
    </div>
  );
}

function Adapter({ busy }: { busy: boolean }) {
  const model = useStore(store, (s) => s.model);
  if (!model) return null;
  return (
    <div class="adapter">
      <Drop label="Put an adapter on" multiple disabled={busy} onFiles={(files) => void setAdapter(files)}>
        PEFT LoRA: adapter_config.json and adapter_model.safetensors, trained for this model.
      </Drop>
      {model.adapter !== undefined && (
        <button type="button" class="quiet" disabled={busy} onClick={() => void setAdapter([])}>
          Take {model.adapter} off
        </button>
      )}
    </div>
  );
}

const WHERE: Record<ModelEntry['where'], string> = {
  shipped: 'comes with the page',
  stored: 'kept in this browser',
  hub: 'to be fetched from the hub',
};

/** What can be picked, and what else lies in this browser: downloads that broke off, models of the hub. */
function ModelList({ busy }: { busy: boolean }) {
  const models = useStore(store, (s) => s.models);
  const stored = useStore(store, (s) => s.storage?.models);
  const current = useStore(store, (s) => s.model?.id);
  if (!models) return <p class="hint">Asking what there is…</p>;
  const others = (stored ?? []).filter(({ id }) => models.every((entry) => entry.id !== id));
  const entries: ModelEntry[] = [...models, ...others.map((model) => ({ ...model, where: 'stored' as const }))];
  return (
    <ul class="models">
      {entries.map((entry) => {
        const kept = stored?.find(({ id }) => id === entry.id);
        const begun = kept?.complete === false;
        const verb = begun ? 'Resume' : entry.where === 'hub' ? 'Download' : 'Use';
        return (
          <li key={entry.id} class={entry.id === current ? 'model current' : 'model'}>
            <div>
              <p class="model-title">{entry.title}</p>
              <p class="hint">
                {entry.bytes > 0 && `${bytes(entry.bytes)}, `}
                {begun ? 'download begun' : WHERE[entry.where]}
              </p>
              {entry.refused !== undefined && <p class="refused">{entry.refused}</p>}
            </div>
            <div class="row-actions">
              {kept && (
                <button
                  type="button"
                  class="quiet"
                  disabled={busy}
                  aria-label={`Delete ${entry.title}`}
                  onClick={() => void deleteModel(entry.id)}
                >
                  Delete
                </button>
              )}
              {entry.id === current ? (
                <span class="badge">in use</span>
              ) : (
                entry.refused === undefined && (
                  <button
                    type="button"
                    disabled={busy}
                    aria-label={`${verb} ${entry.title}`}
                    onClick={() => void loadModel({ kind: 'entry', id: entry.id }, entry.title)}
                  >
                    {verb}
                  </button>
                )
              )}
            </div>
          </li>
        );
      })}
    </ul>
  );
}

function HubForm({ busy }: { busy: boolean }) {
  const [id, setId] = useState('');
  const usable = /^[\w.-]+\/[\w.-]+(@[\w./-]+)?(:[\w./-]+\.gguf)?$/.test(id.trim());
  return (
    <form
      class="field"
      onSubmit={(event) => {
        event.preventDefault();
        if (usable && !busy) void loadModel({ kind: 'hub', id: id.trim() }, id.trim());
      }}
    >
      <label for="hub-id">Any other model of the hub</label>
      <div class="inline-form">
        <input
          id="hub-id"
          type="text"
          value={id}
          spellcheck={false}
          autocapitalize="off"
          autocomplete="off"
          placeholder="owner/name"
          aria-describedby="hub-hint"
          onInput={(event) => setId(event.currentTarget.value)}
        />
        <button type="submit" disabled={!usable || busy}>
          Fetch
        </button>
      </div>
      <p class="hint" id="hub-hint">
        Qwen2 and Llama families; <code>owner/name@revision:file.gguf</code> names one file of one revision. What is too
        large for this GPU is said before anything is downloaded.
      </p>
    </form>
  );
}

/** How much the browser's storage holds for this page. */
function Kept() {
  const storage = useStore(store, (s) => s.storage);
  if (!storage) return null;
  if (!storage.available) {
    return (
      <p class="hint">
        This browser gives the page no storage (a private window?): models are fetched again next time.
      </p>
    );
  }
  return (
    <p class="hint">
      This browser keeps {bytes(storage.usedBytes)} for the page, of {bytes(storage.quotaBytes)} that it allows.{' '}
      {storage.vectorsBytes > 0 && (
        <>
          {bytes(storage.vectorsBytes)} of it are vectors of names and labelled answers, so that none is read twice.{' '}
          <button type="button" class="link" onClick={() => void clearVectors()}>
            Forget the vectors
          </button>
        </>
      )}
    </p>
  );
}
