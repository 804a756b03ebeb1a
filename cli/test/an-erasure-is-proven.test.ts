/**
 * Erasing a visitor as the how-to says, every command of it run against a server: at once nobody counts them, and the proof
 * finds, beside the running server and after it, what is not yet gone.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ErasureView } from '../../gateway/core/erasure-requests.ts'
import type { Proof } from '../../lakehouse/core/erasure-proof/report.ts'
import { call, eventually, type Life, readKeys, runCommand, start, temporaryFolder } from './support/server.ts'

const howTo = readFileSync(fileURLToPath(new URL('../../docs/how-to/erase-a-visitor.md', import.meta.url)), 'utf8')
/** Lines of shell blocks, without comments. */
const lines = [...howTo.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block = '']) => block.trim().split('\n'))
const commands = lines.filter((line) => line.startsWith('hitlake ')).map((line) => line.replace(/ +# .*$/, ''))
const argumentsOf = (command: string) =>
  [...command.replace(/^hitlake /, '').matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')

const folder = temporaryFolder()
let life: Life
let readKey: string
const env = () => ({ HITLAKE_URL: life.url, HITLAKE_DATA_DIR: folder.path })
const run = (args: readonly string[]) => runCommand(args, env()).ended

beforeAll(async () => {
  life = await start(folder.path, {})
  const { adminKey } = readKeys(folder.path)
  const body = { id: 'shop', name: 'Shop', timeZone: 'UTC', currency: 'EUR' }
  const made = await call<{ writeKey: string; readKey: string }>(`${life.url}/v1/admin/merchants`, {
    key: adminKey,
    body,
  })
  readKey = made.body.readKey
  const hits = [{ visitor: 'v-1234' }, { visitor: 'w', user: 'ada' }, { visitor: 'somebody' }]
  await call(`${life.url}/v1/hits`, {
    key: made.body.writeKey,
    body: hits.map((hit) => ({ name: 'page_view', ...hit })),
  })
  await eventually(hitsCounted, (count) => count === 3)
})
afterAll(async () => {
  await life?.end('SIGKILL')
  folder.remove()
})

/** Of the hits themselves: by two dimensions. */
async function hitsCounted(): Promise<number> {
  const { body } = await call<{ results: readonly { metrics: readonly number[] }[] }>(`${life.url}/v1/query`, {
    key: readKey,
    body: { metrics: ['hits'], dimensions: ['page', 'os'], dateRange: 'day' },
  })
  return body.results?.[0]?.metrics[0] ?? 0
}

describe('the how-to on erasing', () => {
  it('names commands, and each does what it says', async () => {
    expect(commands.length).toBeGreaterThan(5)
    const codes: Record<string, number | null> = {}
    for (const command of commands) {
      const asks = command.startsWith('hitlake erase ') && !command.includes('--yes')
      const { code, stderr } = await run([...argumentsOf(command), ...(asks ? ['--yes'] : [])])
      // Nothing is removed so soon: the log has it at least, but what was received later than the instant asked for.
      const expected = command.includes('prove-erased') && !command.includes('--through') ? 1 : 0
      codes[command] = code
      expect(code, `${command}: ${stderr}`).toBe(expected)
    }
    expect(Object.keys(codes)).toEqual(commands)
  })

  it('erases at once for whoever asks the hits themselves', async () => {
    // The last erasure of the how-to was of the whole merchant.
    expect(await eventually(hitsCounted, (count) => count === 0)).toBe(0)
  })

  it('lists what was asked for', async () => {
    const { stdout } = await run(['erasures', '--merchant', 'shop', '--json'])
    const { erasures } = JSON.parse(stdout) as { erasures: readonly ErasureView[] }
    expect(erasures).toMatchObject([{ visitor: 'v-1234', by: 'ticket 51' }, { user: 'ada' }, { all: true }])
  })

  it('proves beside the running server and after it, with the same finds', async () => {
    const args = ['lake', 'prove-erased', '--merchant', 'shop', '--visitor', 'v-1234', '--json']
    const running = await run(args)
    expect(running.code, running.stderr).toBe(1)
    const kinds = ({ stdout }: { readonly stdout: string }) =>
      new Set((JSON.parse(stdout) as Proof).finds.map(({ kind }) => kind))
    expect(kinds(running)).toContain('log segment')
    await life.end('SIGTERM')
    const stopped = await run(args)
    expect(stopped.code, stopped.stderr).toBe(1)
    expect(kinds(stopped)).toEqual(new Set(['log segment', 'data file']))
    expect((JSON.parse(stopped.stdout) as Proof).unread).toEqual([])
    const nobody = await run([...args.slice(0, 5), 'never-was-here'])
    expect(nobody.code, nobody.stdout + nobody.stderr).toBe(0)
    expect(nobody.stdout).toMatch(/✓ data file: .*\n[\s\S]*PROVEN: nothing of it is left\n$/)
  })

  it('says that it could not look where there is nothing to look at', async () => {
    const away = await runCommand(['lake', 'prove-erased', '--merchant', 'shop', '--all'], {
      HITLAKE_DATA_DIR: `${folder.path}/nothing`,
    }).ended
    expect({ code: away.code, stderr: away.stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('set HITLAKE_DATA_DIR'),
    })
  })
})
