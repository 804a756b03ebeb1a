/** Runs the tutorial docs/tutorial/mend-history command by command as its page has them, in a folder of its own. */
import { spawn } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commandBlocks, isShown, outputOf, scriptOf } from './page-commands.ts'
import { command, temporaryFolder } from './server.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const blocks = commandBlocks(join(root, 'docs/tutorial/mend-history/README.md'))

export interface Month {
  /** Where its servers are; nothing: one process for all. */
  env(): Promise<Readonly<Record<string, string>>>
  /** Settings of the page that a server here does not know. */
  readonly without?: readonly string[]
  /** What waits longer than this waits for what does not come. */
  readonly maxMs: number
}

/** The tests of the page. `where` is part of their name. */
export function aMonthIsMended(where: string, { env, without = [], maxMs }: Month): void {
  const folder = temporaryFolder()
  let printed: ReadonlyMap<number, string>
  let code: number | null
  let said = ''

  beforeAll(async () => {
    // What a checkout has of it; `npx hitlake` is the built command.
    for (const part of ['docs/tutorial/mend-history', 'infra/build', 'core', 'pipelines', 'schemas', 'package.json']) {
      cpSync(join(root, part), join(folder.path, part), { recursive: true })
    }
    for (const part of ['node_modules', 'dist']) symlinkSync(join(root, part), join(folder.path, part))
    mkdirSync(join(folder.path, '.story'))
    mkdirSync(join(folder.path, 'bin'))
    writeFileSync(join(folder.path, 'bin/npx'), `#!/bin/sh\nshift\nexec '${process.execPath}' '${command}' "$@"\n`)
    chmodSync(join(folder.path, 'bin/npx'), 0o755)
    const others = Object.entries(process.env).filter(([name]) => !name.startsWith('HITLAKE_'))
    const script = without.reduce((text, name) => text.replace(new RegExp(` ${name}=\\S+`), ''), scriptOf(blocks))
    const child = spawn('sh', ['-c', script], {
      cwd: folder.path,
      env: {
        ...Object.fromEntries(others),
        PATH: `${join(folder.path, 'bin')}:${process.env.PATH}`,
        HITLAKE_PORT: String(await freePort()),
        ...(await env()),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: maxMs,
    })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.stderr.on('data', (chunk) => {
      said += chunk
    })
    code = await new Promise((resolve) => child.on('exit', resolve))
    printed = outputOf(output)
  }, maxMs + 20_000)

  afterAll(() => {
    const pid = join(folder.path, '.story/pid')
    if (existsSync(pid)) {
      try {
        process.kill(Number(readFileSync(pid, 'utf8')), 'SIGKILL')
      } catch {
        // It has ended, as the page's last command asks.
      }
    }
    folder.remove()
  })

  describe(`the tutorial of a mended month, ${where}`, () => {
    it('runs to its end', () => {
      expect([...printed.keys()], said).toEqual(blocks.map(({ line }) => line))
      expect(code, said).toBe(0)
      expect(blocks.length).toBeGreaterThan(10)
    })

    it.each(blocks.filter(({ shown }) => shown !== null).map(({ line, shown }) => [line, shown as string]))(
      'prints at line %i what the page shows',
      (line, shown) => {
        const output = printed.get(line) ?? ''
        if (!isShown(output, shown)) expect(output).toBe(shown)
      },
    )

    it('makes revenue a tenth and gives search engines their visits, and nothing else', () => {
      const rows = [
        ...(printed.get(rerunLine()) ?? '').matchAll(/^(\w+) +(\w+) +([\d,]+) +[\d,]+ +([\d,.]+) +([\d,.]+) /gm),
      ]
      const totals = new Map(
        rows.map(([, metric, by, , before, after]) => [`${metric} ${by}`, [number(before), number(after)]]),
      )
      const [hitsBefore, hitsAfter] = totals.get('hits total') ?? []
      expect(hitsBefore).toBe(hitsAfter)
      const [before, after] = totals.get('revenue total') as [number, number]
      expect(after).toBeGreaterThan(0)
      expect(before).toBeCloseTo(10 * after, 2)
      expect(totals.has('hits page')).toBe(false)
    })
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const rerunLine = () =>
  blocks.find(({ commands }) => commands.includes('rerun hits --snapshot latest --yes'))?.line ?? 0
const number = (text: string | undefined) => Number((text ?? '').replaceAll(',', ''))
