import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { hitSchema } from '../core/hit/hit-schema.ts'
import { demoMerchant, type FirstKeys } from './first-start.ts'
import { greeting } from './greeting.ts'

const keys: FirstKeys = {
  file: '/srv/data/keys.json',
  merchant: demoMerchant,
  writeKey: 'hl_w_write',
  readKey: 'hl_r_read',
  adminKey: 'hl_a_secret',
}

describe('the greeting', () => {
  const lines = greeting({ url: 'http://127.0.0.1:8080', dataDir: '/srv/data', keys })

  it('names the address first, then the data folder and the file of the keys', () => {
    expect(lines[0]).toBe('Hitlake is ready at http://127.0.0.1:8080')
    expect(lines.join('\n')).toMatch(/\/srv\/data\n/)
    expect(lines.join('\n')).toContain('/srv/data/keys.json')
  })

  it('never shows the admin key', () => {
    expect(lines.join('\n')).not.toContain('hl_a_secret')
  })

  it('says where the admin key is when the file does not hold it', () => {
    const { adminKey: _, ...others } = keys
    expect(greeting({ url: 'x', dataDir: 'y', keys: others }).join('\n')).toContain('the admin key is the one you set')
  })

  it('has commands that a shell runs as they stand: a hit that is sent, and a question', () => {
    const commands = lines.filter((line) => line.startsWith('  curl '))
    const [sent, asked] = commands.map(argumentsOf)
    expect(commands).toHaveLength(2)
    expect(sent?.slice(0, -1)).toEqual([
      ...['-s', 'http://127.0.0.1:8080/v1/hits', '-H', 'Authorization: Bearer hl_w_write'],
      ...['-H', 'Content-Type: application/json', '-d'],
    ])
    expect(hitSchema.safeParse(JSON.parse(sent?.at(-1) ?? '')).success).toBe(true)
    expect(asked).toEqual([
      '-s',
      'http://127.0.0.1:8080/v1/merchants/demo/timeseries?interval=hour&metrics=hits,pageviews,visitors',
      ...['-H', 'Authorization: Bearer hl_r_read'],
    ])
  })
})

/** What `curl` would be called with, as a shell reads the line. */
function argumentsOf(command: string): string[] {
  const script = `curl() { for each; do printf '%s\\0' "$each"; done; }\n${command}`
  return execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1)
}
