import { execFile } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import {
  call,
  type Ended,
  eventually,
  type Life,
  readKeys,
  start,
  startAndEnd,
  temporaryFolder,
} from './support/server.ts'

// What somebody sees who has just installed it: what the README promises, and one clear sentence where it cannot start.

const folders: { remove(): void }[] = []
const lives: Life[] = []
afterEach(async () => {
  await Promise.all(lives.splice(0).map((life) => life.end('SIGKILL')))
  for (const folder of folders.splice(0)) folder.remove()
})

function newFolder(): string {
  const folder = temporaryFolder()
  folders.push(folder)
  return folder.path
}

async function started(dataDir: string, env: Record<string, string> = {}): Promise<Life> {
  const life = await start(dataDir, env)
  lives.push(life)
  return life
}

/** The commands of the greeting, in order. */
const commandsIn = (output: string): string[] =>
  output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('curl '))

const shell = async (command: string): Promise<string> => (await promisify(execFile)('sh', ['-c', command])).stdout

/** A start that must fail: exit code 1, one sentence with the mend on standard error, no stack. */
function expectRefusal({ code, stderr }: Ended, mend: RegExp): void {
  expect(stderr).toMatch(mend)
  expect(stderr.trim().split('\n')).toHaveLength(1)
  expect(code).toBe(1)
}

describe('the first start', () => {
  it('prints a curl that sends a hit and one that reads it back, and both work as printed', async () => {
    const life = await started(newFolder())
    await eventually(
      async () => life.stdout(),
      (output) => commandsIn(output).length === 2 && output.includes('Ctrl-C'),
    )
    const [send = '', read = ''] = commandsIn(life.stdout())
    expect(JSON.parse(await shell(send))).toEqual({ accepted: 1, rejected: [] })
    const series = await eventually(
      async () => JSON.parse(await shell(read)) as { buckets: { hits: number; pageviews: number; visitors: number }[] },
      ({ buckets }) => buckets.some(({ hits }) => hits > 0),
    )
    const counted = series.buckets.filter(({ hits }) => hits > 0)
    expect(counted).toMatchObject([{ hits: 1, pageviews: 1, visitors: 1 }])
  })

  it('writes the keys where it says, readable by their owner alone, and prints no admin key', async () => {
    const dataDir = newFolder()
    const life = await started(dataDir)
    expect(statSync(join(dataDir, 'keys.json')).mode & 0o777).toBe(0o600)
    const { adminKey, merchant } = readKeys(dataDir)
    expect(merchant).toBe('demo')
    expect(life.stdout()).not.toContain(adminKey)
  })

  it('says it is alive and ready, and what it counts', async () => {
    const { url } = await started(newFolder())
    expect((await call(`${url}/livez`)).status).toBe(200)
    expect((await call(`${url}/readyz`)).status).toBe(200)
    expect((await call(`${url}/metrics`)).body).toContain('ingest_hits_accepted_total')
  })
})

describe('stopping and starting again', () => {
  it('Ctrl-C publishes what was accepted a moment ago, and the next start has it', async () => {
    const dataDir = newFolder()
    const first = await started(dataDir)
    const { writeKey, readKey } = readKeys(dataDir)
    const hits = Array.from({ length: 50 }, (_, i) => ({ id: `h${i}`, name: 'page_view', visitor: `v${i % 7}` }))
    expect((await call(`${first.url}/v1/hits`, { key: writeKey, body: hits })).status).toBe(202)
    const ended = await first.end('SIGINT')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    // In Iceberg, not only in the log: a snapshot's metadata file is there.
    expect(readdirSync(join(dataDir, 'lake', 'hits', 'metadata'))).toContain('v1.metadata.json')

    const second = await started(dataDir)
    const url = `${second.url}/v1/merchants/demo/timeseries?interval=day&metrics=hits,visitors`
    const { body } = await call<{ buckets: { hits: number; visitors: number }[] }>(url, { key: readKey })
    expect(body.buckets.filter(({ hits }) => hits > 0)).toMatchObject([{ hits: 50, visitors: 7 }])
    expect(readKeys(dataDir).writeKey).toBe(writeKey)
  })

  it('takes the operator’s own admin key', async () => {
    const dataDir = newFolder()
    const key = 'an-operators-own-admin-key'
    const { url } = await started(dataDir, { HITLAKE_ADMIN_KEY: key })
    expect((await call(`${url}/v1/admin/books`, { key })).status).toBe(200)
    expect(readFileSync(join(dataDir, 'keys.json'), 'utf8')).not.toContain(key)
  })
})

describe('a start that cannot be', () => {
  it('names the port that is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const { port } = other.address() as AddressInfo
    try {
      expectRefusal(
        await startAndEnd(newFolder(), { HITLAKE_PORT: String(port) }),
        new RegExp(`port ${port} on 127.0.0.1 is taken; .*HITLAKE_PORT`),
      )
    } finally {
      other.close()
    }
  })

  it('names the folder it cannot write', async () => {
    const file = join(newFolder(), 'a-file')
    writeFileSync(file, '')
    expectRefusal(await startAndEnd(join(file, 'data')), /cannot be the data folder .*HITLAKE_DATA_DIR/)
  })

  it('names the process that has the folder', async () => {
    const dataDir = newFolder()
    const life = await started(dataDir)
    expectRefusal(await startAndEnd(dataDir), new RegExp(`in use by process ${life.pid}; .*HITLAKE_DATA_DIR`))
    // The first one is not disturbed.
    expect((await call(`${life.url}/readyz`)).status).toBe(200)
  })

  it('names the file that is no control store', async () => {
    const dataDir = newFolder()
    mkdirSync(dataDir, { recursive: true })
    writeFileSync(join(dataDir, 'control.duckdb'), 'not a database at all, '.repeat(1_000))
    expectRefusal(await startAndEnd(dataDir), /control\.duckdb/)
  })

  it('names file and byte of a log that is damaged in the middle', async () => {
    const dataDir = newFolder()
    const life = await started(dataDir)
    const { writeKey } = readKeys(dataDir)
    for (let i = 0; i < 3; i++) {
      await call(`${life.url}/v1/hits`, { key: writeKey, body: { id: `h${i}`, name: 'page_view' } })
    }
    await life.end('SIGKILL')
    const [segment = ''] = readdirSync(join(dataDir, 'log'))
    const path = join(dataDir, 'log', segment)
    const bytes = readFileSync(path)
    const first = bytes.indexOf('page_view')
    bytes[first] = 0x50
    writeFileSync(path, bytes)
    expectRefusal(await startAndEnd(dataDir), new RegExp(`${segment} is damaged at byte \\d+`))
  })

  it('lists every setting that is wrong, and the nearest name of one that is misspelt', async () => {
    const { code, stderr } = await startAndEnd(newFolder(), { HITLAKE_PORT: 'eighty', HITLAKE_EPOC: '2s' })
    expect(code).toBe(1)
    expect(stderr).toContain('HITLAKE_PORT')
    expect(stderr).toContain('HITLAKE_EPOCH')
  })
})
