/** The page's frame: masthead, tabs, and the view that the address names. */
import type { ComponentType } from 'preact';
import { Banners } from './banners.tsx';
import { ClassView } from './class_view.tsx';
import { GpuView } from './gpu_view.tsx';
import { KernelsView } from './kernels_view.tsx';
import { ModelView } from './model_view.tsx';
import { RankView } from './rank_view.tsx';
import { Status } from './status.tsx';
import { Tabs, useView, VIEWS, type ViewId } from './tabs.tsx';
import { TaxonomyView } from './taxonomy_view.tsx';
import { ThemeButton } from './theme.tsx';

const CONTENT: Record<ViewId, ComponentType> = {
  rank: RankView,
  taxonomy: TaxonomyView,
  class: ClassView,
  model: ModelView,
  gpu: GpuView,
  kernels: KernelsView,
};

export function App() {
  const view = useView();
  const Content = CONTENT[view];
  return (
    <>
      <a class="skip" href="#panel">
        Skip to the content
      </a>
      <header class="masthead">
        <p class="wordmark">
          <a href="#rank" aria-label="lacuna, first page">
            la<i>c</i>una
          </a>
        </p>
        <p class="tagline">the misconception behind a wrong answer</p>
        <Status />
        <ThemeButton />
      </header>
      <Tabs view={view} />
      <main>
        <Banners />
        <div id="panel" class={`panel view-${view}`} role="tabpanel" tabIndex={-1} aria-labelledby={`tab-${view}`}>
          <h1>{VIEWS.find(({ id }) => id === view)!.heading}</h1>
          <Content key={view} />
        </div>
      </main>
      <footer class="footer">
        <p>Everything is computed on this machine. No question, answer or name leaves it.</p>
      </footer>
    </>
  );
}
