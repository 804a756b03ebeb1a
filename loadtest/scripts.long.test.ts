import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MeasurementRecord } from '../bench/record.ts'
import { installK6, k6InstallLimitMs } from '../infra/local/k6/install.mjs'
import { type Scenario, scenarios } from './runner/arguments.ts'
import { countsOf, lostOrDoubled } from './runner/check.ts'
import { type K6Run, runK6 } from './runner/k6.ts'
import { openTarget, type Target } from './runner/server.ts'
import { openSlowLine, type SlowLine } from './runner/slow-line.ts'
import { counted, crossed } from './runner/summary.ts'

// Small enough for the busiest machine; time limits are a hundred times as long, what must never be lost is as always.
const load = { factor: 0.02, seconds: 4, hitsPerRequest: 5, merchants: 3, slack: 100 }

describe('every script of the load tests', () => {
  let target: Target
  let slowLine: SlowLine
  const runs = new Map<Scenario, K6Run>()

  beforeAll(async () => {
    const binary = await installK6()
    target = await openTarget(undefined)
    slowLine = await openSlowLine(target.url, 10_000)
    const { url, askUrl, adminKey } = target
    await Promise.all(
      scenarios.map(async (scenario) => {
        runs.set(scenario, await runK6({ binary, scenario, load, url, askUrl, adminKey, slowUrl: slowLine.url }))
      }),
    )
  }, k6InstallLimitMs + 120_000)
  afterAll(async () => {
    await slowLine?.close()
    await target?.close()
  })

  it.each(scenarios)('%s: what was answered 202 is in the books and in the series, each once', (scenario) => {
    const { summary } = runs.get(scenario) as K6Run
    expect(lostOrDoubled(countsOf(summary))).toEqual([])
    expect(crossed(summary)).toEqual([])
    expect(countsOf(summary).accepted).toBeGreaterThan(0)
    expect(counted(summary, 'as_of_lag_ms')).toBeGreaterThan(0)
  })

  it('sends some hits twice, and the books call just these duplicates', () => {
    const { repeated, inDoubt, books } = countsOf((runs.get('base') as K6Run).summary)
    expect(repeated).toBeGreaterThan(0)
    expect(inDoubt).toBe(0)
    expect(books.duplicates).toBe(repeated)
  })

  it('has clients of its kind', () => {
    expect(counted((runs.get('slow-clients') as K6Run).summary, 'slow_ack_ms')).toBeGreaterThan(0)
    expect(counted((runs.get('socket') as K6Run).summary, 'ws_sessions')).toBeGreaterThan(0)
    expect(counted((runs.get('readers') as K6Run).summary, 'read_ms')).toBeGreaterThan(0)
    expect(counted((runs.get('soak') as K6Run).summary, 'read_ms')).toBeGreaterThan(0)
  })

  it('refuses another machine before it sends anything', async () => {
    const binary = await installK6()
    const elsewhere = { binary, scenario: 'base', load, url: 'http://192.0.2.1', adminKey: 'none' } as const
    await expect(runK6({ ...elsewhere, askUrl: target.url })).rejects.toThrow(/load is for loopback only/)
    await expect(runK6({ ...elsewhere, url: target.url, askUrl: 'http://192.0.2.1' })).rejects.toThrow(/loopback/)
  })
})

describe('the command', () => {
  it('starts a server of its own, runs, checks and leaves a record', async () => {
    const results = mkdtempSync(join(tmpdir(), 'hitlake-loadtest-'))
    try {
      const args = ['base', '--factor', '0.02', '--seconds', '3', '--merchants', '2', '--slack', '100']
      const { code, said } = await command([...args, '--results', results])
      expect(said).toContain('everything held')
      expect(code).toBe(0)
      const record = JSON.parse(readFileSync(join(results, 'load-base.json'), 'utf8')) as MeasurementRecord
      expect(record).toMatchObject({ suite: 'load-base', quick: true, machine: { node: process.version } })
      expect(record.figures.find(({ name }) => name === 'hits accepted')?.value).toBeGreaterThan(500)
    } finally {
      rmSync(results, { recursive: true })
    }
  })
})

function command(args: readonly string[]): Promise<{ code: number | null; said: string }> {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('HITLAKE_')))
  const child = spawn(process.execPath, ['infra/test/run-typescript.mjs', 'loadtest/run.ts', ...args], {
    cwd: root,
    env,
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      said += chunk
    })
  }
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, said })))
}
