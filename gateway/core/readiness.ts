/**
 * Whether the process can do its work, part by part; which parts there are differs by role. Not ready until every part has
 * said that it is: a part nobody reports on is one that has not started.
 */

export type PartState = { readonly ok: true } | { readonly ok: false; readonly reason: string }

export interface Readiness<Part extends string = string> {
  set(part: Part, ok: true): void
  set(part: Part, ok: false, reason: string): void
  ready(): boolean
  parts(): Readonly<Record<Part, PartState>>
}

/** Of the embedded system. */
export const embeddedParts = ['log', 'worker', 'lake', 'store'] as const

/** Of the roles of a cluster. What stands in the way of a part is named in its reason. */
export const clusterParts = {
  collector: ['log', 'keys'],
  worker: ['worker'],
  gateway: ['store'],
  maintenance: ['publisher'],
} as const

/** @param names of all parts: each is starting until it says otherwise. */
export function createReadiness<const Part extends string>(names: readonly Part[]): Readiness<Part> {
  const starting: PartState = { ok: false, reason: 'is starting' }
  const states = new Map<Part, PartState>(names.map((name) => [name, starting]))
  return {
    set(part: Part, ok: boolean, reason?: string) {
      if (!states.has(part)) throw new RangeError(`${part} is no part of this process; there are ${names.join(', ')}`)
      states.set(part, ok ? { ok: true } : { ok: false, reason: reason ?? 'is not ready' })
    },
    ready: () => [...states.values()].every((state) => state.ok),
    parts: () => Object.fromEntries(states) as Record<Part, PartState>,
  }
}
