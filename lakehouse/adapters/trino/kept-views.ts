/**
 * Keeps the views as they should be while erasures come and go, and generations come to answer: people and their tools ask
 * them, and know of no control store. A view leaves out what was erased some seconds ago, and shows what was promoted then;
 * rows themselves go later, by maintenance.
 */
import { type GenerationMap, generationMap } from '../../../core/generations.ts'
import type { Timers } from '../../../core/ports/clock.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { type ErasedHits, type Erasure, erasuresPageMax } from '../../../core/ports/erasure-store.ts'

/** How often open erasures and the generation map are looked at. */
export const viewsPollMs = 10_000
/** Open erasures that views name, of all merchants; beyond it views stay as they are, and somebody is told. */
export const viewErasuresMax = 1_000

/** Which rows views show: those that answer, less what is erased. */
export interface ShownRows {
  readonly erased: readonly ErasedHits[]
  readonly generations: GenerationMap
}

export interface KeptViewsOptions {
  readonly store: Pick<ControlStore, 'erasures' | 'versionsSince'>
  readonly timers: Timers
  /** Makes the views anew. */
  readonly make: (shown: ShownRows) => Promise<void>
  /** It is tried again. */
  readonly onError: (error: unknown) => void
}

export interface KeptViews {
  /** Makes the views; fails where that fails. From then on they follow. */
  start(): Promise<void>
  /** Resolves when nothing is under way. */
  stop(): Promise<void>
}

export function keepViews({ store, timers, make, onError }: KeptViewsOptions): KeptViews {
  let made: string | undefined
  let cancel = () => {}
  let isStopped = false
  let last: Promise<void> = Promise.resolve()

  async function look(): Promise<void> {
    const open = await openErasures(store)
    const generations = generationMap((await store.versionsSince(Number.MAX_SAFE_INTEGER)).generations)
    const name = JSON.stringify([open.map(({ id, through }) => [id, through]), generations])
    if (name === made) return
    await make({
      erased: open.map(({ merchant, subject, through }) => ({ merchant, subject, through })),
      generations,
    })
    made = name
  }

  function later(): void {
    if (isStopped) return
    cancel = timers.after(viewsPollMs, () => {
      last = look().catch(onError).finally(later)
    })
  }

  return {
    async start() {
      await look()
      later()
    },
    async stop() {
      isStopped = true
      cancel()
      await last
    },
  }
}

/** @throws RangeError beyond `viewErasuresMax` */
async function openErasures(store: KeptViewsOptions['store']): Promise<readonly Erasure[]> {
  const found: Erasure[] = []
  for (;;) {
    const after = found.at(-1)?.id
    const page = await store.erasures({
      state: 'open',
      limit: erasuresPageMax,
      ...(after !== undefined && { after }),
    })
    found.push(...page)
    if (found.length > viewErasuresMax) {
      throw new RangeError(`more than ${viewErasuresMax} erasures are open; views of Trino do not name them all`)
    }
    if (page.length < erasuresPageMax) return found
  }
}
