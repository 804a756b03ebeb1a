import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { StartError } from '../../../core/errors.ts'
import { openDuckDbControlStore } from './control-store.ts'
import { minDatabaseMemoryBytes, openDatabase } from './database.ts'

const folder = await mkdtemp(join(tmpdir(), 'hitlake-kill-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

const open = (file: string) =>
  openDatabase({ file, memoryLimitBytes: 2 * minDatabaseMemoryBytes, threads: 1, scratch: `${file}.tmp` })

const inProject = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

/** Starts the child on the file, lets it say `lines` lines, does `before`, and kills it. Returns its last position. */
async function commitUntilKilled(
  file: string,
  lines: number,
  before: () => Promise<void> = async () => {},
): Promise<number> {
  const child = spawn(
    process.execPath,
    [
      inProject('infra/test/run-typescript.mjs'),
      inProject('lakehouse/adapters/duckdb/control-store-kill.child.ts'),
      file,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = new Promise((resolve) => child.once('close', resolve))
  let heard = 0
  let last = 0
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line.split(' ')[1])
    heard += 1
    if (heard === lines) {
      await before()
      child.kill('SIGKILL')
    }
  }
  await ended
  expect(heard).toBeGreaterThanOrEqual(lines)
  return last
}

describe('the DuckDB store under kill -9', () => {
  it('has every epoch that was said to be committed, and every part of it', async () => {
    const file = join(folder, 'killed.db')
    for (const lines of [2, 60]) {
      const said = await commitUntilKilled(file, lines)
      const instance = await open(file)
      const store = await openDuckDbControlStore({ instance })
      const { positions, changes, commit } = await store.versionsSince(0)
      const next = positions[0]?.next ?? 0
      // The epoch whose commit was under way may be there or not.
      expect([said, said + 1]).toContain(next)
      expect(positions).toEqual([
        { job: 'hits', partition: 0, next, checkpoint: `c${next}`, watermark: next, received: next, forwarded: {} },
      ])
      expect(commit).toBe(next)
      expect(Math.max(...changes.map(({ version }) => version))).toBe(next)
      expect((await store.unpublished('hits')).map(({ name }) => name)).toEqual(
        Array.from({ length: next }, (_, i) => `staged/${i + 1}`),
      )
      expect((await store.books({ from: 0, to: 1 })).stored).toBe(50 * next)
      await store.close()
      instance.closeSync()
    }
  })

  it('cannot be opened by a second process, and says which one holds it', async () => {
    const file = join(folder, 'held.db')
    await commitUntilKilled(file, 1, async () => {
      const refused = open(file)
      await expect(refused).rejects.toThrow(StartError)
      await expect(refused).rejects.toThrow(
        /held\.db is in use by process \d+; stop it or choose another HITLAKE_DATA_DIR$/,
      )
    })
    const instance = await open(file)
    instance.closeSync()
  })
})
