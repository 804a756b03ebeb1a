/** One run of k6 over one script: its summary, its verdict on the thresholds, and what it cost. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Load } from '../lib/scale.ts'
import type { Scenario } from './arguments.ts'
import { parseSummary, type Summary } from './summary.ts'

/** Beyond the run's own seconds: making merchants, the last answers, and the books coming to rest. */
export const overtimeSeconds = 300
/** k6's exit code where a threshold was crossed; others are failures of the run itself. */
const thresholdsCrossed = 99

export interface K6Order {
  readonly binary: string
  readonly scenario: Scenario
  readonly load: Load
  readonly url: string
  readonly askUrl: string
  readonly adminKey: string
  readonly slowUrl?: string
}

export interface K6Run {
  readonly summary: Summary
  readonly cpuSeconds: number
}

/** @throws Error with what k6 said, where there is no summary */
export async function runK6(order: K6Order): Promise<K6Run> {
  const folder = mkdtempSync(join(tmpdir(), 'hitlake-k6-'))
  const file = join(folder, 'summary.json')
  try {
    const { code, said, cpuSeconds } = await spawnK6(order, file)
    if (code !== 0 && code !== thresholdsCrossed) throw new Error(`k6 ended with ${code}:\n${said.slice(-4_000)}`)
    return { summary: parseSummary(readFileSync(file, 'utf8')), cpuSeconds }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function spawnK6(
  { binary, scenario, load, url, askUrl, adminKey, slowUrl }: K6Order,
  summaryFile: string,
): Promise<{ code: number | null; said: string; cpuSeconds: number }> {
  const script = fileURLToPath(new URL(`../scenarios/${scenario}.ts`, import.meta.url))
  // No report to k6's makers, and no port of its own.
  const child = spawn(binary, ['run', '--quiet', '--no-usage-report', '--address', '', script], {
    env: {
      PATH: process.env.PATH,
      HITLAKE_URL: url,
      HITLAKE_LOAD_ASK_URL: askUrl,
      HITLAKE_ADMIN_KEY: adminKey,
      HITLAKE_LOAD_SUMMARY: summaryFile,
      HITLAKE_LOAD_FACTOR: String(load.factor),
      HITLAKE_LOAD_SECONDS: String(load.seconds),
      HITLAKE_LOAD_HITS_PER_REQUEST: String(load.hitsPerRequest),
      HITLAKE_LOAD_MERCHANTS: String(load.merchants),
      HITLAKE_LOAD_SLACK: String(load.slack),
      HITLAKE_LOAD_RUN: `load-${scenario}-${Date.now().toString(36)}`,
      ...(slowUrl !== undefined && { HITLAKE_LOAD_SLOW_URL: slowUrl }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      said = (said + chunk).slice(-100_000)
    })
  }
  let cpuSeconds = 0
  const watch = setInterval(() => {
    cpuSeconds = cpuSecondsOf(child.pid) ?? cpuSeconds
  }, 500)
  const late = setTimeout(() => child.kill('SIGKILL'), (load.seconds + overtimeSeconds * load.slack) * 1_000)
  const abandon = () => void child.kill('SIGKILL')
  process.once('exit', abandon)
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    return { code, said, cpuSeconds }
  } finally {
    clearInterval(watch)
    clearTimeout(late)
    process.removeListener('exit', abandon)
  }
}

function cpuSecondsOf(pid: number | undefined): number | undefined {
  try {
    // The name, in brackets, is `k6`: no spaces in it that would move the fields.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')
    return (Number(fields[13]) + Number(fields[14])) / 100
  } catch {
    return undefined
  }
}
