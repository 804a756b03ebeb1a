/** Saved state lies in the object store; what a machine holds of it are copies, let go with the partition. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ObjectStore } from '../../core/ports/object-store.ts'
import { nodeSyncReader } from '../adapters/local/node-sync-reader.ts'
import { memoryGroup } from '../adapters/memory/memory-group.ts'
import { openDedupeState } from '../core/dedupe/dedupe-state.ts'
import type { StreamRunnerOptions } from '../runtime/runner-options.ts'
import type { OpenState } from '../runtime/state.ts'
import { batch, booksOf, createWorld, during, hit, push, runnerOn, until, type World } from './support/world.ts'

const partitions = [0, 1]
const hitsPerBatch = 40

/** The world's objects as another machine sees them: a file is a copy in a folder of its own. */
function machine(objects: ObjectStore, folder: string) {
  const pathOf = (name: string) => join(folder, name.replaceAll('/', '_'))
  mkdirSync(folder)
  return {
    copies: () => readdirSync(folder),
    objects: {
      ...objects,
      async remove(name: string) {
        rmSync(pathOf(name), { force: true })
        await objects.remove(name)
      },
      async localPath(name: string) {
        const bytes = await objects.get(name)
        if (bytes === undefined) throw new Error(`there is no ${name}`)
        if (!existsSync(pathOf(name))) writeFileSync(pathOf(name), bytes)
        return pathOf(name)
      },
      async forgetLocal(name: string) {
        rmSync(pathOf(name), { force: true })
      },
    } satisfies ObjectStore,
  }
}

describe('the state of a partition', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'hitlake-handover-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  it('is opened by the next owner from the object store, and nothing of it stays where it was', async () => {
    const world = await createWorld({ partitions })
    const [here, there] = [machine(world.objects, join(root, 'here')), machine(world.objects, join(root, 'there'))]
    const group = memoryGroup()
    const reader = nodeSyncReader()
    const member = (name: string, { objects }: ReturnType<typeof machine>) => {
      // So small that all but the newest entries are in files.
      const openState: OpenState = ({ prefix, saved, step, limitBytes }) =>
        openDedupeState({
          ...{ objects, prefix, saved, withinMs: step.withinMs, limitBytes, random: world.random, reader },
          ...{ heldMaxEntries: 10, inlineMaxEntries: 5 },
        })
      const changes: Partial<StreamRunnerOptions> = { assignment: group.join(), owner: name, openState }
      return runnerOn({ ...world, objects }, changes)
    }
    const [one, two] = [member('one', here), member('two', there)]
    await Promise.all([one.start(), two.start()])
    const round = async (runner: typeof one, partition: number, next: number) => {
      pushRound(world, partition)
      await during(
        world,
        until(() => {
          runner.kick()
          return runner.positions.find((each) => each.partition === partition)?.next === next
        }),
      )
    }

    group.assign(partitions)
    await round(one, 0, 1)
    await round(one, 1, 1)
    expect(here.copies()).toHaveLength(2)
    group.assign([0], [1])
    await round(two, 1, 2)
    await round(one, 0, 2)
    expect([here.copies().length, there.copies().length]).toEqual([1, 1])
    group.assign([], partitions)
    await round(two, 0, 3)
    expect(here.copies()).toEqual([])
    await Promise.all([one.stop(), two.stop()])
    expect(there.copies()).toEqual([])
    expect(reader.open).toBe(0)

    expect(await booksOf(world)).toMatchObject({ stored: 2 * hitsPerBatch, duplicates: 3 * hitsPerBatch })
  })
})

/** The same hits, of the partition's own ids, whenever it is called. */
function pushRound(world: World, partition: number): void {
  const hits = Array.from({ length: hitsPerBatch }, (_, n) => hit({ id: `${partition}-${n}` }))
  push(world, [batch(hits)], partition)
}
