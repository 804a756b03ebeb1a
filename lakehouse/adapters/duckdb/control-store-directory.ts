/** Merchants, keys and daily secrets of the control store in DuckDB. */
import type { MerchantId } from '../../../core/ids.ts'
import type { ControlStore, FormerZone, KeyHolder, Merchant, StoredKey } from '../../../core/ports/control-store.ts'
import {
  changedMerchant,
  checkKey,
  checkMerchant,
  checkMerchantChange,
  checkPage,
  checkSecretDates,
  keyTakenError,
  sameKey,
} from '../../core/control/rules.ts'
import type { Session, SqlRow } from './control-store-session.ts'

type Directory = Pick<
  ControlStore,
  | 'createMerchant'
  | 'updateMerchant'
  | 'merchant'
  | 'merchants'
  | 'addKey'
  | 'findKey'
  | 'merchantsById'
  | 'dailySecrets'
>

const merchantColumns = `m.id, m.name, m.time_zone, m.currency, m.blocked_names, m.visitor_seed, m.retention_days,
  m.former_zones`

const keyColumns = 'k.hash, k.merchant, k.kind, k.rights, k.origins, k.quota, k.tool'
const keyWidth = 7

/** Merchants asked for in one statement; more are asked in several. */
const idsPerStatement = 1_000

export function directory(writer: Session, reader: Session): Directory {
  async function findMerchant(session: Session, id: string): Promise<Merchant | undefined> {
    const [row] = await session.rows(`SELECT ${merchantColumns} FROM merchants m WHERE m.id = $1`, [id])
    return row && toMerchant(row)
  }

  /** Inside a write. The same key once more changes nothing. */
  async function storeKey(key: StoredKey): Promise<void> {
    const [known] = await writer.rows(`SELECT ${keyColumns} FROM keys k WHERE k.hash = $1`, [key.hash])
    if (known !== undefined) {
      if (sameKey(toKey(known), key)) return
      throw keyTakenError(key.hash)
    }
    const { hash, merchant, kind, rights, origins, quota, tool } = key
    await writer.run(
      `INSERT INTO keys (hash, merchant, kind, rights, origins, quota, tool) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
      [hash, merchant, kind, JSON.stringify(rights), JSON.stringify(origins), quota, tool],
    )
  }

  return {
    async createMerchant(merchant, keys) {
      checkMerchant(merchant, keys)
      return writer.write(async () => {
        if ((await findMerchant(writer, merchant.id)) !== undefined) return 'exists'
        for (const { hash } of keys) {
          const taken = await writer.rows('SELECT hash FROM keys WHERE hash = $1', [hash])
          if (taken.length > 0) throw keyTakenError(hash)
        }
        const { id, name, timeZone, currency, blockedNames, visitorSeed, retentionDays } = merchant
        const facts = [id, name, timeZone, currency, JSON.stringify(blockedNames), visitorSeed, retentionDays]
        await writer.run(
          `INSERT INTO merchants (id, name, time_zone, currency, blocked_names, visitor_seed, retention_days, former_zones)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
          [...facts, formerZonesText(merchant)],
        )
        for (const key of keys) await storeKey(key)
        return 'created'
      })
    },
    async updateMerchant(id, change) {
      checkMerchantChange(change)
      return writer.write(async () => {
        const known = await findMerchant(writer, id)
        if (known === undefined) return undefined
        const changed = changedMerchant(known, change)
        const { name, blockedNames, visitorSeed, retentionDays, timeZone } = changed
        await writer.run(
          `UPDATE merchants SET name = $2, blocked_names = $3, visitor_seed = $4, retention_days = $5, time_zone = $6,
             former_zones = $7 WHERE id = $1`,
          [id, name, JSON.stringify(blockedNames), visitorSeed, retentionDays, timeZone, formerZonesText(changed)],
        )
        return changed
      })
    },
    merchant: (id) => reader.read(() => findMerchant(reader, id)),
    async merchants({ after = '', limit }) {
      checkPage(limit)
      const rows = await reader.read(() =>
        reader.rows(`SELECT ${merchantColumns} FROM merchants m WHERE m.id > $1 ORDER BY m.id LIMIT $2`, [
          after,
          limit,
        ]),
      )
      return rows.map(toMerchant)
    },
    async addKey(key) {
      checkKey(key)
      await writer.write(async () => {
        if (key.merchant !== null && (await findMerchant(writer, key.merchant)) === undefined) {
          throw new RangeError(`no merchant ${key.merchant}`)
        }
        await storeKey(key)
      })
    },
    async findKey(hash) {
      const [row] = await reader.read(() =>
        reader.rows(
          `SELECT ${keyColumns}, ${merchantColumns}
           FROM keys k LEFT JOIN merchants m ON m.id = k.merchant WHERE k.hash = $1`,
          [hash],
        ),
      )
      if (row === undefined) return undefined
      const key = toKey(row)
      return { key, merchant: key.merchant === null ? null : toMerchant(row.slice(keyWidth)) } satisfies KeyHolder
    },
    async merchantsById(ids) {
      const wanted = [...new Set(ids)]
      return reader.read(async () => {
        const found = new Map<string, Merchant>()
        for (let from = 0; from < wanted.length; from += idsPerStatement) {
          const rows = await reader.rows(
            `SELECT ${merchantColumns} FROM merchants m
             WHERE m.id IN (SELECT unnest(from_json($1, '["VARCHAR"]')))`,
            [JSON.stringify(wanted.slice(from, from + idsPerStatement))],
          )
          for (const row of rows) found.set(row[0] as string, toMerchant(row))
        }
        return wanted.flatMap((id) => found.get(id) ?? [])
      })
    },
    async dailySecrets(dates, keepFrom, make) {
      checkSecretDates(dates, keepFrom)
      const all = 'SELECT date, secret FROM daily_secrets'
      const known = toSecrets(await reader.read(() => reader.rows(all)))
      // Asked on every change of day by every collector, and nearly always answered by what is there: no write then.
      const expired = [...known.keys()].some((date) => date < keepFrom)
      if (!expired && dates.every((date) => known.has(date))) return choose(known, dates)
      return writer.write(async () => {
        await writer.run('DELETE FROM daily_secrets WHERE date < $1', [keepFrom])
        const secrets = toSecrets(await writer.rows(all))
        for (const date of dates) {
          if (secrets.has(date)) continue
          const secret = make()
          secrets.set(date, secret)
          await writer.run('INSERT INTO daily_secrets VALUES ($1, $2)', [date, secret])
        }
        return choose(secrets, dates)
      })
    },
  }
}

const formerZonesText = ({ formerZones }: Merchant) => (formerZones === undefined ? null : JSON.stringify(formerZones))

function toMerchant([id, name, timeZone, currency, blockedNames, visitorSeed, retentionDays, zones]: SqlRow): Merchant {
  return {
    id: id as MerchantId,
    name: name as string,
    timeZone: timeZone as string,
    currency: currency as string,
    blockedNames: JSON.parse(blockedNames as string) as string[],
    visitorSeed: visitorSeed as string,
    retentionDays: retentionDays === null ? null : Number(retentionDays),
    ...(zones !== null && { formerZones: JSON.parse(zones as string) as FormerZone[] }),
  }
}

function toKey([hash, merchant, kind, rights, origins, quota, tool]: SqlRow): StoredKey {
  return {
    hash: hash as string,
    merchant: merchant as MerchantId | null,
    kind: kind as StoredKey['kind'],
    rights: JSON.parse(rights as string) as StoredKey['rights'],
    origins: JSON.parse(origins as string) as StoredKey['origins'],
    quota: quota === null ? null : Number(quota),
    tool: tool as string | null,
  }
}

const toSecrets = (rows: readonly SqlRow[]) => new Map(rows.map(([date, secret]) => [date as string, secret as string]))

function choose(secrets: ReadonlyMap<string, string>, dates: readonly string[]): Record<string, string> {
  return Object.fromEntries(dates.map((date) => [date, secrets.get(date) ?? '']))
}
