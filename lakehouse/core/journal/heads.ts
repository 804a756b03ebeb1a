/**
 * Heads: by process, the newest commit it knows the store to have had. A store whose newest commit is below a head was set
 * back. A head is written before anything is done that only that commit allows (removing what it made obsolete, publishing
 * its files), so whoever finds the store at or above all heads may build on it.
 */
import { ControlStoreBehindError } from '../../../core/errors.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { ObjectStore } from '../../../core/ports/object-store.ts'
import { encodeEntry } from './entries.ts'
import { countOf, type EntryStamp, headName, headsFolder } from './names.ts'

/** The head that `recover` sets while it works: no store is at or above it, so everybody refuses until it is through. */
export const recoveringHead = Number.MAX_SAFE_INTEGER

export interface Heads {
  /** Durable when it resolves; the process's head before goes. */
  write(commit: number): Promise<void>
}

export function createHeads(options: {
  readonly objects: ObjectStore
  readonly owner: string
  readonly clock: Clock
}): Heads {
  const { objects, owner, clock } = options
  let written: { readonly name: string; readonly commit: number } | undefined
  let last: Promise<void> = Promise.resolve()

  async function writeNow(commit: number): Promise<void> {
    if (written !== undefined && written.commit >= commit) return
    const stamp = { at: clock.now(), owner, number: 0 }
    const name = headName(commit, stamp)
    await objects.put(name, await encodeEntry({ kind: 'mark', stamp }))
    const before = written
    written = { name, commit }
    // One that stays says nothing wrong, and expires.
    if (before !== undefined) await objects.remove(before.name).catch(() => undefined)
  }

  return {
    write(commit) {
      const writing = last.then(() => writeNow(commit))
      last = writing.catch(() => undefined)
      return writing
    },
  }
}

/**
 * The highest commit that any process knew; 0 where there is no head.
 * @throws ControlStoreBehindError while `recover` works, or after it was cut off
 */
export async function highestHead(objects: Pick<ObjectStore, 'list'>): Promise<number> {
  const { highest, recovering } = await headsOf(objects)
  if (recovering) throw new ControlStoreBehindError('its recovery is not through')
  return highest
}

export async function headsOf(
  objects: Pick<ObjectStore, 'list'>,
): Promise<{ readonly highest: number; readonly recovering: boolean }> {
  const heads = (await objects.list(headsFolder)).map((name) => countOf(name).count)
  return {
    highest: heads.findLast((head) => head !== recoveringHead) ?? 0,
    recovering: heads.at(-1) === recoveringHead,
  }
}

/** Makes everybody refuse. May be repeated. */
export async function closeStore(objects: ObjectStore, stamp: EntryStamp): Promise<void> {
  if ((await headsOf(objects)).recovering) return
  await objects.put(headName(recoveringHead, stamp), await encodeEntry({ kind: 'mark', stamp }))
}

/** Lets everybody go on. */
export async function reopenStore(objects: ObjectStore): Promise<void> {
  for (const name of await objects.list(headsFolder)) {
    if (countOf(name).count === recoveringHead) await objects.remove(name)
  }
}

/** The store's newest commit. */
export async function newestCommit(store: Pick<ControlStore, 'versionsSince'>): Promise<number> {
  return (await store.versionsSince(Number.MAX_SAFE_INTEGER)).commit
}

/**
 * Returns the store's newest commit.
 * @throws ControlStoreBehindError where a process knew a newer one
 */
export async function assertStoreIsCurrent(
  store: Pick<ControlStore, 'versionsSince'>,
  objects: Pick<ObjectStore, 'list'>,
): Promise<number> {
  // In this order: a commit that comes in between only raises the store's.
  const head = await highestHead(objects)
  const commit = await newestCommit(store)
  // Not `commit < head`: a store that is being put back may have no number at all.
  if (!(commit >= head)) throw new ControlStoreBehindError(`its newest commit is ${commit}, and ${head} was committed`)
  return commit
}
