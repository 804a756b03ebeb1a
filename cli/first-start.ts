/**
 * What a new data folder needs before anybody can use it: an admin key, and a demo merchant with a key to send hits and
 * one to ask. They are in `<data dir>/keys.json`, readable by the owner of the process alone, where the CLI finds them.
 *
 * The file is durable before the store hears of its keys, so whatever a crash leaves, the next start finds the keys in
 * the file and gives the store what it lacks.
 */
import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { StartError } from '../core/errors.ts'
import type { MerchantId } from '../core/ids.ts'
import type { Random } from '../core/ports/clock.ts'
import type { ControlStore, KeyRight, StoredKey } from '../core/ports/control-store.ts'
import { hashKey, mintKey } from '../gateway/core/keys.ts'

export const keysFileName = 'keys.json'
export const demoMerchant = 'demo' as MerchantId

export interface FirstKeys {
  /** Path of the file that holds them. */
  readonly file: string
  readonly merchant: MerchantId
  readonly writeKey: string
  readonly readKey: string
  /** Absent where the operator gave one instead and the file was made then. */
  readonly adminKey?: string
}

const keysFile = z.object({
  adminKey: z.string().min(1).optional(),
  merchant: z.literal(demoMerchant),
  writeKey: z.string().min(1),
  readKey: z.string().min(1),
})

export interface FirstKeysOptions {
  readonly store: Pick<ControlStore, 'createMerchant' | 'findKey' | 'addKey'>
  readonly random: Random
  /** Exists and belongs to this process. */
  readonly dataDir: string
  /** HITLAKE_ADMIN_KEY: becomes an admin key, and a new file holds none then. */
  readonly adminKey?: string | undefined
}

/**
 * The keys of the data folder, made where they are missing. May be repeated, and cut off at any point.
 * @throws StartError where `keys.json` cannot be written, read or understood
 */
export async function ensureFirstKeys(options: FirstKeysOptions): Promise<FirstKeys> {
  const { store, random, dataDir, adminKey } = options
  const file = join(dataDir, keysFileName)
  const keys = (await readKeys(file)) ?? (await writeKeys(file, drawKeys(random, adminKey)))

  const demoKeys: readonly StoredKey[] = [
    stored(keys.writeKey, demoMerchant, ['write']),
    stored(keys.readKey, demoMerchant, ['read']),
  ]
  const demo = {
    id: demoMerchant,
    name: 'Demo shop',
    timeZone: 'UTC',
    currency: 'EUR',
    blockedNames: [],
    visitorSeed: Buffer.from(random.bytes(8)).toString('hex'),
    retentionDays: null,
  }
  const missing = (await store.createMerchant(demo, demoKeys)) === 'exists' ? [...demoKeys] : []
  for (const key of [keys.adminKey, adminKey]) if (key !== undefined) missing.push(stored(key, null, ['admin']))
  for (const key of missing) if ((await store.findKey(key.hash)) === undefined) await store.addKey(key)
  return { file, ...keys }
}

/** Makes the operator's key an admin key. May be repeated. */
export async function ensureAdminKey(store: Pick<ControlStore, 'findKey' | 'addKey'>, adminKey: string): Promise<void> {
  const key = stored(adminKey, null, ['admin'])
  if ((await store.findKey(key.hash)) === undefined) await store.addKey(key)
}

type Keys = Omit<FirstKeys, 'file'>

function drawKeys(random: Random, givenAdminKey: string | undefined): Keys {
  return {
    ...(givenAdminKey === undefined && { adminKey: mintKey(random, 'admin') }),
    merchant: demoMerchant,
    writeKey: mintKey(random, 'write'),
    readKey: mintKey(random, 'read'),
  }
}

function stored(key: string, merchant: MerchantId | null, rights: readonly KeyRight[]): StoredKey {
  return { hash: hashKey(key), merchant, kind: 'server', rights, origins: [], quota: null, tool: null }
}

async function readKeys(file: string): Promise<Keys | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new StartError(`${file} cannot be read (${codeOf(error)}); make it readable for this user`, { cause: error })
  }
  const parsed = keysFile.safeParse(parseJson(text))
  if (!parsed.success) {
    throw new StartError(
      `${file} does not hold the keys written at the first start; restore it, or remove it to get new keys`,
    )
  }
  const { adminKey, ...others } = parsed.data
  return { ...(adminKey !== undefined && { adminKey }), ...others }
}

/** Written whole under a name of its own, then renamed: a crash leaves no file, or all of it. */
async function writeKeys(file: string, keys: Keys): Promise<Keys> {
  const draft = `${file}.${randomUUID()}.draft`
  try {
    const handle = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
    try {
      await handle.writeFile(`${JSON.stringify(keys, null, 2)}\n`)
      await handle.datasync()
    } finally {
      await handle.close()
    }
    await rename(draft, file)
    await syncFolder(join(file, '..'))
    return keys
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined)
    throw new StartError(
      `${file} cannot be written (${codeOf(error)}); make the folder writable, or set HITLAKE_DATA_DIR`,
      {
        cause: error,
      },
    )
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
}
