import { expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { applySettings, checkFold, checkSettings, describeSetting, type Settings, settingNames } from './settings.ts';

const base: Settings = {
  ...{ lr: 1e-4, epochs: 10, batch: 16, negatives: 96, pool: 'positives', hardNegatives: 0 },
  ...{ rank: 32, alpha: 64, rslora: false, dropout: 0.05, targets: ['q_proj', 'k_proj', 'down_proj'] },
  ...{ queryLength: 288, passageLength: 256, evalLength: 288, warmup: 0.1, weightDecay: 0.01 },
  ...{ beta1: 0.9, beta2: 0.95, eps: 1e-8, clip: 0, scale: 20, seed: 1 },
};

/** The one-line message of the UserError that `f` throws. */
function complaint(f: () => unknown): string {
  try {
    f();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).not.toContain('\n');
    return (error as Error).message;
  }
  throw new Error('nothing was thrown');
}

test('every setting has a meaning', () => {
  expect(Object.keys(base).sort()).toEqual([...settingNames].sort());
  for (const name of settingNames) expect(describeSetting(name).length).toBeGreaterThan(10);
});

test('settings are set by name, the later winning, and the base is left alone', () => {
  const before = structuredClone(base);
  const changed = applySettings(base, [
    'lr=1e-3',
    'epochs=4',
    'epochs=5',
    ' negatives = all ',
    'rslora=true',
    'pool=all',
    'targets=q_proj, v_proj',
    'dropout=0',
    'scale=.5',
  ]);
  expect(changed).toEqual({
    ...base,
    lr: 1e-3,
    epochs: 5,
    negatives: 'all',
    rslora: true,
    pool: 'all',
    targets: ['q_proj', 'v_proj'],
    dropout: 0,
    scale: 0.5,
  } satisfies Settings);
  expect(base).toEqual(before);
  expect(applySettings(base, ['negatives=1024']).negatives).toBe(1024);
  expect(applySettings(base, [])).toEqual(base);
});

test.each([
  ['rank=0', '--set rank=0: must be at least 1'],
  ['rank=1.5', '--set rank=1.5: must be a whole number'],
  ['rank=', '--set rank=: must be a whole number'],
  ['lr=fast', '--set lr=fast: must be a number'],
  ['lr=-1', '--set lr=-1: must be at least 0'],
  ['lr=0x10', '--set lr=0x10: must be a number'],
  ['lr=Infinity', '--set lr=Infinity: must be a number'],
  ['negatives=2.5', '--set negatives=2.5: must be a whole number'],
  ['lr=1e999', '--set lr=1e999: must be a number'],
  ['epochs=99999999', '--set epochs=99999999: must be at most 10000'],
  ['dropout=1', '--set dropout=1: must be below 1'],
  ['warmup=2', '--set warmup=2: must be at most 1'],
  ['seed=-3', '--set seed=-3: must be at least 0'],
  ['negatives=many', '--set negatives=many: must be a whole number or all'],
  ['negatives=-1', '--set negatives=-1: must be at least 0'],
  ['pool=some', '--set pool=some: must be one of positives, all'],
  ['rslora=yes', '--set rslora=yes: must be true or false'],
  ['targets=q_proj,k', '--set targets=q_proj,k: must be one of q_proj, k_proj'],
  ['targets=q_proj,q_proj', '--set targets=q_proj,q_proj: names a linear twice'],
  ['learningrate', '--set "learningrate": must be name=value'],
  ['=3', '--set "=3": must be name=value'],
  ['query_length=3', '--set query_length: no such setting; did you mean queryLength?'],
  ['Rank=3', '--set Rank: no such setting; did you mean rank?'],
  ['weight-decay=3', '--set weight-decay: no such setting; did you mean weightDecay?'],
  ['epcohs=3', '--set epcohs: no such setting; did you mean epochs?'],
  ['negative=3', '--set negative: no such setting; did you mean negatives?'],
  ['temperature=3', '--set temperature: no such setting; the settings are lr, epochs, batch'],
  ['__proto__=3', '--set __proto__: no such setting'],
])('%s', (assignment, message) => {
  expect(complaint(() => applySettings(base, [assignment]))).toContain(message);
});

test('what a run wrote down is checked when it is read again', () => {
  expect(checkSettings(JSON.parse(JSON.stringify(base)), 'run/config.json')).toEqual(base);
  expect(complaint(() => checkSettings({ ...base, rank: 0 }, 'run/config.json'))).toContain(
    'run/config.json: rank is 0',
  );
  expect(complaint(() => checkSettings({ ...base, depth: 3 }, 'run/config.json'))).toContain('depth');
  const { lr: _, ...without } = base;
  expect(complaint(() => checkSettings(without, 'run/config.json'))).toContain('run/config.json: lr');
});

test('folds', () => {
  expect(checkFold(0, [0, 1, 2])).toBe(0);
  expect(complaint(() => checkFold(9, [0, 1, 2, 3, 4]))).toBe('--fold 9: the data has the folds 0, 1, 2, 3, 4');
});
