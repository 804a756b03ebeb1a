/**
 * Whether the process can do its work, part by part. Not ready until every part has said that it is: a part nobody
 * reports on is one that has not started.
 */

export type ReadinessPart = 'log' | 'worker' | 'lake' | 'store'

export type PartState = { readonly ok: true } | { readonly ok: false; readonly reason: string }

export interface Readiness {
  set(part: ReadinessPart, ok: true): void
  set(part: ReadinessPart, ok: false, reason: string): void
  ready(): boolean
  parts(): Readonly<Record<ReadinessPart, PartState>>
}

export function createReadiness(): Readiness {
  const starting: PartState = { ok: false, reason: 'is starting' }
  const parts: Record<ReadinessPart, PartState> = { log: starting, worker: starting, lake: starting, store: starting }
  return {
    set(part: ReadinessPart, ok: boolean, reason?: string) {
      parts[part] = ok ? { ok: true } : { ok: false, reason: reason ?? 'is not ready' }
    },
    ready: () => Object.values(parts).every((state) => state.ok),
    parts: () => ({ ...parts }),
  }
}
