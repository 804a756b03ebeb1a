/** Trouble between a process and the store: a change is refused, or made and its answer lost. */
import { ControlStoreUnavailableError } from '../../core/errors.ts'
import type { ClusterStore } from '../../core/ports/cluster-store.ts'

/** What happens to a call that changes the store. */
export type Fate = 'done' | 'refused' | 'answer lost'

export class LostAnswer extends Error {}

const fated: readonly string[] = [
  'commitEpoch',
  'beginPublication',
  'finishPublication',
  'addAccepted',
  'finishRewrite',
  'finishDerivation',
  'createRerun',
  'updateRerun',
  'commitSplit',
  'beginDualWriting',
  'promoteRerun',
  'rollBackRerun',
  'releaseRerun',
  'cancelRerun',
  'setBasePlan',
]

/** The store as one process reaches it: its next change meets the fate that `take` gives. */
export function troubledStore(real: ClusterStore, take: () => Fate): ClusterStore {
  return new Proxy(real, {
    get(_target, name: keyof ClusterStore) {
      const method = real[name].bind(real) as (...args: unknown[]) => Promise<unknown>
      if (!fated.includes(name)) return method
      return async (...args: unknown[]) => {
        const fate = take()
        if (fate === 'refused') throw new ControlStoreUnavailableError('it is away')
        const result = await method(...args)
        if (fate === 'answer lost') throw new LostAnswer()
        return result
      }
    },
  })
}
