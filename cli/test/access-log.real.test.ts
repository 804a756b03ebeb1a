import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { isbot } from 'isbot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, eventually, type Life, readKeys, start, temporaryFolder } from './support/server.ts'

// 10,000 lines of a public web site's log, 84 hours of May 2015, sent by the script of the README's second example.
const file = fileURLToPath(new URL('../../../shared/data/access-log.gz', import.meta.url))
const script = fileURLToPath(new URL('../../dist/cli/bin/send-access-log.js', import.meta.url))

/** The script speaks for the visitors of the log, as a proxy does. */
const behindProxy = { HITLAKE_TRUSTED_PROXIES: '127.0.0.1' }

/** A recount that shares nothing with the script's reader: cuts the line at its brackets and quotes. */
function recountFile(): { hits: Map<string, number>; visitors: Map<string, number>; bots: number; lines: number } {
  const hits = new Map<string, number>()
  const people = new Map<string, Set<string>>()
  let bots = 0
  let lines = 0
  for (const line of gunzipSync(readFileSync(file)).toString().split('\n')) {
    if (line === '' || !line.endsWith('"')) continue
    lines++
    const [day, month, rest] = line.slice(line.indexOf('[') + 1, line.indexOf(']')).split('/')
    expect(month).toBe('May')
    const hour = `2015-05-${day}T${rest?.slice(5, 7)}:00:00+00:00`
    const agent = line.slice(line.lastIndexOf(' "') + 2, -1)
    if (isbot(agent)) {
      bots++
      continue
    }
    hits.set(hour, (hits.get(hour) ?? 0) + 1)
    const who = people.get(hour) ?? new Set()
    people.set(hour, who.add(`${line.split(' ')[0]} ${agent}`))
  }
  return { hits, visitors: new Map([...people].map(([hour, who]) => [hour, who.size])), bots, lines }
}

describe('a real access log, sent line by line', () => {
  const folder = temporaryFolder()
  const expected = recountFile()
  let life: Life

  beforeAll(async () => {
    expect(existsSync(file)).toBe(true)
    life = await start(folder.path, behindProxy)
  })
  afterAll(async () => {
    await life?.end('SIGKILL')
    folder.remove()
  })

  async function send(): Promise<{ code: number | null; stdout: string }> {
    const child = spawn(process.execPath, [script, file, '--url', life.url, '--data-dir', folder.path])
    let stdout = ''
    child.stdout.on('data', (chunk) => {
      stdout += chunk
    })
    child.stderr.on('data', (chunk) => {
      stdout += chunk
    })
    return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout })))
  }

  async function check(): Promise<void> {
    const { adminKey } = readKeys(folder.path)
    const since = Date.now()
    type Series = {
      buckets: { start: string; hits: number; pageviews: number; visitors: number }[]
      meta: { asOf: string }
    }
    const url = `${life.url}/v1/merchants/access-log/timeseries?interval=hour&metrics=hits,pageviews,visitors&from=2015-05-17&to=2015-05-20`
    const { body } = await eventually(
      () => call<Series>(url, { key: adminKey }),
      (reply) => reply.status === 200 && Date.parse(reply.body.meta.asOf) > since,
    )
    const found = body.buckets.filter(({ hits }) => hits > 0)
    expect(found).toHaveLength(84)
    expect(new Map(found.map(({ start, hits }) => [start, hits]))).toEqual(expected.hits)
    expect(new Map(found.map(({ start, pageviews }) => [start, pageviews]))).toEqual(expected.hits)
    expect(new Map(found.map(({ start, visitors }) => [start, visitors]))).toEqual(expected.visitors)
    const books = await call<Record<string, unknown>>(`${life.url}/v1/admin/books?merchant=access-log`, {
      key: adminKey,
    })
    expect(books.body).toMatchObject({ stored: 9_999, failed: 0, inFlight: 0, balanced: true })
  }

  it('has 9,999 lines that can be read, 3,009 of them from bots, in the recount', () => {
    expect(expected.lines).toBe(9_999)
    expect(expected.bots).toBe(3_009)
    expect([...expected.hits.values()].reduce((sum, hits) => sum + hits, 0)).toBe(9_999 - 3_009)
  })

  it('is stored whole although the server is killed in the middle and comes back on its old port', async () => {
    const port = new URL(life.url).port
    const sending = send()
    const { adminKey } = readKeys(folder.path)
    await eventually(
      () => call<{ accepted: number }>(`${life.url}/v1/admin/books?merchant=access-log`, { key: adminKey }),
      ({ body }) => body.accepted > 3_000,
    )
    await life.end('SIGKILL')
    life = await start(folder.path, { ...behindProxy, HITLAKE_PORT: port })
    const { code, stdout } = await sending
    expect(stdout).toContain('9999 lines accepted, 0 refused, 1 not readable, of 10000')
    expect(stdout).toContain('line 8899: not in combined format')
    expect(code).toBe(0)
    await check()
  })

  it('counts once when the whole file is sent again', async () => {
    const { stdout } = await send()
    expect(stdout).toContain('9999 lines accepted')
    await check()
  })

  it('is the same after a stop and a start, read from the published tables', async () => {
    expect((await life.end('SIGINT')).code).toBe(0)
    life = await start(folder.path, behindProxy)
    await check()
  })
})
