/** The built command over a data folder, killed again and again: the file ends with every hit exactly once. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import avro from 'avsc'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommand, temporaryFolder } from '../../test/support/server.ts'

describe('hitlake emit', () => {
  const folder = temporaryFolder()
  const out = temporaryFolder()
  // Nothing listens there, so each command starts the app itself.
  const env = { HITLAKE_DATA_DIR: folder.path, HITLAKE_PORT: '1' }
  const run = (...args: string[]) => runCommand(args, env)
  const emit = (...args: string[]) => run('emit', 'hits', '--snapshot', 'latest', ...args)
  let seeded = 0

  beforeAll(async () => {
    const { code, stdout, stderr } = await run('seed', '--days', '4', '--hits-per-day', '400', '--json').ended
    expect(code, stderr).toBe(0)
    seeded = (JSON.parse(stdout) as { stored: number }).stored
  })
  afterAll(() => {
    folder.remove()
    out.remove()
  })

  const idsOf = (path: string) =>
    readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: string }).id)

  it('goes on after kill -9, and has every hit exactly once in the end', async () => {
    const path = join(out.path, 'killed.ndjson')
    const sizes: number[] = []
    for (let kill = 0; kill < 3; kill++) {
      const before = existsSync(path) ? statSync(path).size : 0
      const child = emit('--to', path, '--rate', '100')
      // Once it has written more than the life before.
      const grown = () => existsSync(path) && statSync(path).size > before + 30_000
      for (let turn = 0; turn < 1_200 && !grown(); turn++) await new Promise((resolve) => setTimeout(resolve, 50))
      child.kill()
      await child.ended
      sizes.push(statSync(path).size)
    }
    expect(sizes[0]).toBeLessThan(sizes[2] as number)
    const { code, stdout, stderr } = await emit('--to', path, '--json').ended
    expect(code, stderr).toBe(0)
    expect(stderr).toContain('goes on after')
    expect(JSON.parse(stdout)).toMatchObject({ state: 'done', hits: seeded, output: 'killed.ndjson' })
    const ids = idsOf(path)
    expect(ids).toHaveLength(seeded)
    expect(new Set(ids).size).toBe(seeded)
  }, 240_000)

  it('writes an Avro file that any reader of Avro opens, and unpins what it read', async () => {
    const path = join(out.path, 'hits.avro')
    const { code, stderr } = await emit('--to', path, '--rate', '100000').ended
    expect(code, stderr).toBe(0)
    let hits = 0
    await new Promise<void>((resolve, reject) => {
      avro
        .createFileDecoder(path)
        .on('data', () => {
          hits += 1
        })
        .on('end', resolve)
        .on('error', reject)
    })
    expect(hits).toBe(seeded)
    const { tables } = JSON.parse((await run('lake', 'tables', '--json').ended).stdout) as {
      tables: readonly { pins: readonly unknown[] }[]
    }
    expect(tables.flatMap(({ pins }) => pins)).toEqual([])
  }, 60_000)

  it.each([
    ['the topic of live hits', ['--to', 'kafka:hits', '--brokers', '127.0.0.1:1'], /topic of live hits/],
    ['a file of another form', ['--to', 'hits.csv'], /\.ndjson or \.avro/],
    ['a topic without brokers', ['--to', 'kafka:history'], /--brokers/],
    [
      'a range that ends before it begins',
      ['--to', 'x.avro', '--from', '2026-03-02', '--until', '2026-03-01'],
      /--until/,
    ],
    ['a folder that is not there', ['--to', '/nowhere/at/all/x.avro'], /no folder/],
  ])('refuses %s', async (_, args, says) => {
    const { code, stderr } = await emit(...args).ended
    expect(code).toBe(1)
    expect(stderr).toMatch(says)
  })

  it('refuses a snapshot that the table does not have', async () => {
    const args = ['emit', 'hits', '--snapshot', '12', '--to', join(out.path, 'none.ndjson')]
    const { code, stderr } = await run(...args).ended
    expect(code).toBe(1)
    expect(stderr).toContain('hits has no snapshot 12')
    expect(existsSync(join(out.path, 'none.ndjson'))).toBe(false)
  })
})
