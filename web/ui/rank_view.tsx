/** View 1: the question and the wrong answer on the left, the misconceptions that explain it on the right. */
import { QuestionForm } from './question_form.tsx';
import { RankingPanel } from './ranking.tsx';

export function RankView() {
  return (
    <div class="columns">
      <QuestionForm />
      <RankingPanel />
    </div>
  );
}
