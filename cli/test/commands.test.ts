import { chmodSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Ended, type Life, runCommand, start, temporaryFolder } from './support/server.ts'

const run = (args: readonly string[], env: Record<string, string>): Promise<Ended> => runCommand(args, env).ended
const logLine = (n: number) =>
  `203.0.113.${n % 200} - - [17/May/2015:10:05:${String(n % 60).padStart(2, '0')} +0000] "GET /page-${n % 3}?q=1 HTTP/1.1" 200 512 "http://www.google.com/" "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"`

describe('commands without a server', () => {
  const folder = temporaryFolder()
  // Nothing listens there, so each command starts the app itself.
  const env = { HITLAKE_DATA_DIR: folder.path, HITLAKE_PORT: '1' }
  afterAll(() => folder.remove())

  it('seed stores traffic; repeated it stores nothing twice, and query shows what there is', async () => {
    const args = ['seed', '--days', '3', '--hits-per-day', '200', '--seed', '4', '--json']
    const first = await run(args, env)
    expect(first.code, first.stderr).toBe(0)
    const { hits, stored } = JSON.parse(first.stdout) as { hits: number; stored: number }
    expect(hits).toBeGreaterThan(200)
    expect(stored).toBe(hits)
    // Today's traffic goes on meanwhile, that of the days before does not.
    const again = JSON.parse((await run(args, env)).stdout)
    expect(again).toMatchObject({ before: hits })
    expect(again.stored).toBeLessThan(50)

    const json = await run(['query', '--range', '7d', '--metrics', 'hits', '--filter', 'bot=true', '--json'], env)
    expect(json.code, json.stderr).toBe(0)
    const bots = JSON.parse(json.stdout).results[0].metrics[0] as number
    const people = JSON.parse((await run(['query', '--range', '7d', '--metrics', 'hits', '--json'], env)).stdout)
    expect(people.results[0].metrics[0] + bots).toBe(hits + again.stored)
  })

  it('query draws a chart along time, and gives CSV', async () => {
    const chart = await run(['query', '--range', '7d', '--by', 'time:day', '--metrics', 'pageviews'], env)
    expect(chart.code, chart.stderr).toBe(0)
    expect(chart.stdout).toMatch(/^time:day +pageviews\n─+ +─+\n\d{4}-\d\d-\d\d/)
    expect(chart.stdout).toMatch(/pageviews, up to \d+\n[█▁▂▃▄▅▆▇ ]/)
    const csv = await run(['query', '--range', '7d', '--by', 'device', '--metrics', 'hits,revenue', '--csv'], env)
    expect(csv.stdout.split('\n')[0]?.trim()).toBe('device,hits,revenue')
  })

  it('query says in the words of the server what is wrong with a question', async () => {
    const { code, stderr } = await run(['query', '--metrics', 'hats'], env)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^unknown_metric: .*"hats".*pageviews/)
  })

  it('doctor says what must be done, and changes nothing', async () => {
    const silent = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => silent.once('listening', resolve))
    const { port } = silent.address() as { port: number }
    const taken = await run(['doctor', '--json'], { ...env, HITLAKE_PORT: String(port) })
    silent.close()
    expect(taken.code).toBe(1)
    expect(JSON.parse(taken.stdout).findings).toContainEqual({
      part: 'port',
      state: 'broken',
      says: `127.0.0.1:${port} is taken by something that is no Hitlake`,
      mend: 'set HITLAKE_PORT to a free one',
    })
    const free = await run(['doctor'], { ...env, HITLAKE_PORT: String(await freePort()) })
    expect(free.stdout).toMatch(/✓ node.*\n✓ config.*\n✓ data/)
    expect(free.stdout).toContain('nothing answers at')
    expect(free.code).toBe(0)
    writeFileSync(join(folder.path, 'keys.json'), '', { flag: 'a' })
    chmodSync(join(folder.path, 'keys.json'), 0o644)
    const open = await run(['doctor'], { ...env, HITLAKE_PORT: String(await freePort()) })
    expect(open.code).toBe(1)
    expect(open.stdout).toContain('chmod 600')
    chmodSync(join(folder.path, 'keys.json'), 0o600)
    const wrong = await run(['doctor'], { ...env, HITLAKE_EPOCH: 'soon', HITLAKE_PROT: '8080' })
    expect(wrong.code).toBe(1)
    expect(wrong.stdout).toContain('did you mean HITLAKE_PORT?')
    expect(wrong.stdout).toContain('HITLAKE_EPOCH')
  })
})

describe('commands beside a server', () => {
  const folder = temporaryFolder()
  let life: Life
  beforeAll(async () => {
    life = await start(folder.path)
  })
  afterAll(async () => {
    await life?.end('SIGKILL')
    folder.remove()
  })
  const env = () => ({ HITLAKE_DATA_DIR: folder.path, HITLAKE_URL: life.url })

  it('import reads plain and packed logs, reports what is no line of one, and counts each line once', async () => {
    const lines = Array.from({ length: 1_500 }, (_, n) => (n === 700 ? 'not a line' : logLine(n))).join('\n')
    const plain = join(folder.path, 'plain.log')
    const packed = join(folder.path, 'packed.log.gz')
    writeFileSync(plain, lines)
    writeFileSync(packed, gzipSync(`${lines}`))
    const first = await run(['import', '--access-log', plain], env())
    expect(first.code, first.stderr).toBe(0)
    expect(first.stdout.split('\n').slice(0, 3)).toEqual([
      '1,499 of 1,500 lines stored for access-log',
      '1 not readable, 0 refused',
      '  line 701: not in combined format: not a line',
    ])
    expect(first.stderr).toMatch(/1,500 of 1,500 lines, [\d,]+\/s/)
    const second = await run(['import', '--access-log', packed, '--json'], env())
    expect(JSON.parse(second.stdout)).toMatchObject({ accepted: 0, doneBefore: 1_500 })
    // A last line without its end is a line; with it the file is another one.
    const missing = await run(['import', '--access-log', join(folder.path, 'no.log')], env())
    expect(missing.code).toBe(1)
    expect(missing.stderr).toContain('no.log cannot be read')
  })

  it('doctor looks at tables, clock and books', async () => {
    const { code, stdout } = await run(['doctor'], env())
    expect(stdout).toMatch(/✓ clock: .*\n✓ hits: .*\n[\s\S]*✓ books: \d+ accepted/)
    expect(code).toBe(0)
  })

  it('a wrong key, and a server that is not there, are told as such', async () => {
    const wrong = await run(['query'], { ...env(), HITLAKE_ADMIN_KEY: 'x'.repeat(32) })
    expect(wrong.code).toBe(1)
    expect(wrong.stderr).toContain('does not know this admin key')
    const gone = await run(['query'], { ...env(), HITLAKE_URL: `http://127.0.0.1:${await freePort()}` })
    expect(gone.code).toBe(1)
    expect(gone.stderr).toContain('nothing answers at HITLAKE_URL')
  })
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}
