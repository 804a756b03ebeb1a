/**
 * A real server on real file systems in trouble: one that is full, and one whose syncs fail. Needs root and loop devices;
 * where they are not to be had, the tests are skipped and say why.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { mountSmallDisk, mountThinDisk } from '../../infra/faults/small-disk.ts'
import { recount } from './support/recount.ts'
import { call, eventually, temporaryFolder } from './support/server.ts'
import { createSystem, type System } from './support/system.ts'
import { type Sending, type Shop, shops, traffic } from './support/traffic.ts'

const seed = Number(process.env.DISK_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))
const mib = 2 ** 20
const quick = { HITLAKE_EPOCH: '500ms', HITLAKE_PUBLISH_EVERY: '2s' }
/** Bytes left when the disk is filled, round by round: none, less than a file of an epoch, more than that. The rest goes later. */
const leftBytes = [0, 64 * 1024, 2 * mib] as const
const worsenAfterMs = 5_000
const hitsOfARound = 3_000
vi.setConfig({ testTimeout: 900_000 })

const closing: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Problem {
  readonly code?: string
}

/** Sends a hit that is sent anyway, again and again, until it is refused: the reply. */
async function untilRefused(system: System, { shop, hit }: Sending, worsen: () => void) {
  const began = Date.now()
  return eventually(
    () => {
      if (Date.now() - began > worsenAfterMs) worsen()
      return call<Problem>(`${system.url()}/v1/hits`, { key: system.writeKey(shop), body: hit })
    },
    ({ status }) => status !== 202,
    60_000,
  )
}

async function expectEverything(system: System, sent: readonly Sending[]): Promise<void> {
  await system.settle()
  for (const shop of shops as readonly Shop[]) {
    const expected = recount(sent, shop, 'hour')
    expect(await system.series(shop, 'hour'), shop.id).toEqual(expected.buckets)
    const books = await eventually(
      () => system.books(shop),
      ({ inFlight }) => inFlight === 0,
    )
    expect(books, shop.id).toMatchObject({ stored: expected.stored, failed: expected.failed, balanced: true })
  }
}

/** Trouble begins while hits come in, is met, lasts, and ends: all hits are brought through, and every number is right. */
async function expectToOutlast(
  system: System,
  trouble: {
    readonly begin: (round: number) => void
    /** Where it was not bad enough to be met. */
    readonly worsen?: () => void
    readonly during?: () => Promise<void>
    readonly end: () => void
  },
): Promise<void> {
  const sendings = traffic({ seed, count: hitsOfARound * (leftBytes.length + 1), now: Date.now() - 60_000 })
  const sent = sendings.slice(0, hitsOfARound)
  await system.send(sent, { kills: 0, seed })
  await expectEverything(system, sent)
  for (const [round] of leftBytes.entries()) {
    const next = sendings.slice(sent.length, sent.length + hitsOfARound)
    trouble.begin(round)
    const sending = system.send(next, { kills: 0, seed: seed + round, most: 20 })
    const refused = await untilRefused(system, next[0] as Sending, trouble.worsen ?? (() => {}))
    expect(refused.status, JSON.stringify(refused.body)).toBe(503)
    expect(refused.body.code).toBe('log_unavailable')
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
    // Longer than the log waits before it tries again.
    await sleep(7_000)
    await trouble.during?.()
    trouble.end()
    await sending
    sent.push(...next)
    await expectEverything(system, sent)
  }
  expect(sent.length).toBe(sendings.length)
}

/** A server whose data folder is on a disk of its own, small enough to be filled; why not where there is none. */
async function onSmallDisk() {
  const disk = mountSmallDisk(160 * mib)
  if ('unavailable' in disk) return disk
  closing.push(disk.remove)
  const system = await createSystem(quick, shops, { path: join(disk.folder, 'data'), remove: () => {} })
  closing.push(system.remove)
  return { disk, system }
}

/** A server whose log is on a disk of its own that can be made to fail; why not where there is none. */
async function withFailingLog() {
  const folder = temporaryFolder()
  closing.push(folder.remove)
  const log = join(folder.path, 'log')
  mkdirSync(log)
  const disk = mountThinDisk(log, 256 * mib)
  if ('unavailable' in disk) return disk
  closing.push(disk.remove)
  const system = await createSystem(quick, shops, { path: folder.path, remove: () => {} })
  closing.push(system.remove)
  return { disk, system }
}

describe(`a disk that is full (seed ${seed})`, () => {
  it('is 503 and loses nothing, and the server goes on by itself when there is room', async ({ skip }) => {
    const made = await onSmallDisk()
    if ('unavailable' in made) return skip(made.unavailable)
    const { disk, system } = made
    await expectToOutlast(system, {
      begin: (round) => disk.fill(leftBytes[round] ?? 0),
      worsen: () => disk.fill(0),
      end: disk.empty,
    })
    expect(system.kills.total).toBe(0)
  })

  it('keeps all that was acknowledged through a kill, for a start with room again', async ({ skip }) => {
    const made = await onSmallDisk()
    if ('unavailable' in made) return skip(made.unavailable)
    const { disk, system } = made
    await expectToOutlast(system, {
      begin: (round) => disk.fill(leftBytes[round] ?? 0),
      worsen: () => disk.fill(0),
      async during() {
        await system.kill()
        // It may start on the full disk or say that it cannot.
        const begun = await system.begin().then(
          () => true,
          () => false,
        )
        disk.empty()
        if (!begun) await system.begin()
      },
      end: () => {},
    })
    expect(system.kills.total).toBe(leftBytes.length)
  })
})

describe(`a log whose syncs fail (seed ${seed})`, () => {
  it('is 503 and loses nothing, and goes on in a new segment', async ({ skip }) => {
    const made = await withFailingLog()
    if ('unavailable' in made) return skip(made.unavailable)
    const { disk, system } = made
    await expectToOutlast(system, { begin: disk.fail, end: disk.mend })
    expect(system.kills.total).toBe(0)
  })

  it('is opened again after a kill with all that was acknowledged', async ({ skip }) => {
    const made = await withFailingLog()
    if ('unavailable' in made) return skip(made.unavailable)
    const { disk, system } = made
    await expectToOutlast(system, {
      begin: disk.fail,
      async during() {
        disk.mend()
        await system.kill()
        await system.begin()
      },
      end: () => {},
    })
    expect(system.kills.total).toBe(leftBytes.length)
  })
})
