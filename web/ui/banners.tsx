/** What concerns every view: the GPU lost or back, the worker gone, no GPU at all. */
import { Notice } from './notice.tsx';
import { store } from './state.ts';
import { useStore } from './store.ts';

export function Banners() {
  const crash = useStore(store, (s) => s.crash);
  const event = useStore(store, (s) => s.gpuEvent);
  const problem = useStore(store, (s) => s.gpu?.problem);
  return (
    <div class="banners">
      {crash !== undefined && (
        <Notice>
          The part of the page that computes has stopped ({crash}). Your texts are still here:{' '}
          <button type="button" class="link" onClick={() => location.reload()}>
            reload the page
          </button>{' '}
          to go on, with a smaller model if memory ran out.
        </Notice>
      )}
      {event && crash === undefined && (
        <Notice
          kind={event.state === 'lost' ? 'error' : 'note'}
          onClose={event.state === 'restored' ? () => store.set({ gpuEvent: undefined }) : undefined}
        >
          {event.message}
        </Notice>
      )}
      {problem !== undefined && (
        <Notice kind="note">
          {problem} <a href="#gpu">Which browsers can run this page</a>
        </Notice>
      )}
    </div>
  );
}
