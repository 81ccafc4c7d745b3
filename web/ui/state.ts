/** What the page knows at any moment. Only the *session.ts and jobs.ts change it. */
import type {
  BenchRow,
  ClassRow,
  GpuReport,
  LabelledAnswer,
  LoadedModel,
  Misconception,
  ModelEntry,
  Progress,
  Question,
  Ranked,
  StorageReport,
} from '../worker/api.ts';
import { Store } from './store.ts';

/** The question being written: up to four options, one of them right and one the pupil's. */
export interface Draft {
  question: string;
  options: string[];
  correct: number;
  chosen: number;
  construct: string;
  subject: string;
  /** For an example as the sample gives it, the misconception behind each option; undefined once it is edited. */
  behind?: (string | null)[];
}

export interface Taxonomy {
  title: string;
  rows: Misconception[];
  /** The sample as it is, which is not kept with the settings. */
  sample: boolean;
}

/** Wrong answers whose misconceptions the visitor knows. */
export interface Labelled {
  title: string;
  answers: LabelledAnswer[];
  /** Whether they are ranked by. */
  on: boolean;
}

export interface Ranking {
  question: Question;
  ranked: Ranked[];
  ms: number;
  /** How many misconceptions were compared. */
  among: number;
  /** How many labelled answers it was ranked by, beside the names. */
  labelled: number;
  /** The misconception the example's author had in mind, where the question is an example. */
  label?: string;
}

export interface ClassRun {
  file: string;
  running: boolean;
  progress?: Progress;
  rows: ClassRow[];
  /** How many labelled answers the last rows were ranked by. */
  labelled: number;
  /** Why it ended before the last row. */
  stopped?: string;
}

export interface BenchRun {
  running: boolean;
  progress?: Progress;
  rows: BenchRow[];
  ceiling?: { copyGBs: number; tflops: number };
  when?: string;
  stopped?: string;
}

export interface State {
  gpu?: GpuReport;
  gpuEvent?: { state: 'lost' | 'restored'; message: string };
  /** The worker died: only a reload helps. */
  crash?: string;
  models?: ModelEntry[];
  storage?: StorageReport;
  model?: LoadedModel;
  loading?: { title: string; progress?: Progress };
  modelProblem?: string;
  taxonomy?: Taxonomy;
  /** The taxonomy's texts on their way through the model. */
  embedding?: Progress;
  /** What the last change of the taxonomy cost. */
  embedded?: { embedded: number; reused: number };
  taxonomyProblem?: string;
  /** The browser keeps no copy of the edited taxonomy for the next visit. */
  taxonomyUnkept: boolean;
  labelled?: Labelled;
  /** Labelled answers on their way through the model. */
  labelling?: Progress;
  labelledProblem?: string;
  /** The browser keeps no copy of the labelled questions for the next visit. */
  labelledUnkept: boolean;
  draft: Draft;
  ranking?: Ranking;
  /** A ranking is on its way. */
  ranks: boolean;
  rankProblem?: string;
  classRun?: ClassRun;
  classProblem?: string;
  bench?: BenchRun;
  benchProblem?: string;
}

export const EMPTY_DRAFT: Draft = {
  question: '',
  options: ['', '', '', ''],
  correct: 0,
  chosen: 1,
  construct: '',
  subject: '',
};

export const store = new Store<State>({
  draft: EMPTY_DRAFT,
  ranks: false,
  taxonomyUnkept: false,
  labelledUnkept: false,
});

/** The one model that is trained for this as it is: it comes with the page. */
const TRAINED = 'pocket';

/** Whether the model was made for something else, and nothing was put on it that says otherwise. */
export const untrained = ({ model }: State): boolean =>
  model !== undefined && model.adapter === undefined && model.id !== TRAINED;
