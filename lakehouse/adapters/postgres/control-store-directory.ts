/** Merchants, keys and daily secrets of the control store in PostgreSQL. */
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
import type { Database, Sql } from './database.ts'

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

const merchantColumns = `m.id, m.name, m.time_zone AS "timeZone", m.currency, m.blocked_names AS "blockedNames",
  m.visitor_seed AS "visitorSeed", m.retention_days AS "retentionDays", m.former_zones AS "formerZones"`

const keyColumns = 'k.hash, k.merchant, k.kind, k.rights, k.origins, k.quota, k.tool'

/** Former zones as JSON; null: none. */
type MerchantRow = Omit<Merchant, 'formerZones'> & { readonly formerZones: string | null }

/** A key and its merchant, all of the latter null where it has none. */
type HolderRow = Omit<MerchantRow, 'id'> & StoredKey & { readonly id: MerchantId | null }

interface SecretRow {
  readonly date: string
  readonly secret: string
}

export function directory(database: Database): Directory {
  return {
    async createMerchant(merchant, keys) {
      checkMerchant(merchant, keys)
      return database.write(async (sql) => {
        const { id, name, timeZone, currency, blockedNames, visitorSeed, retentionDays } = merchant
        const created = await sql.run(
          `INSERT INTO merchants (id, name, time_zone, currency, blocked_names, visitor_seed, retention_days, former_zones)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
          [id, name, timeZone, currency, blockedNames, visitorSeed, retentionDays, formerZonesText(merchant)],
        )
        if (created === 0) return 'exists'
        for (const key of keys) if (!(await insertKey(sql, key))) throw keyTakenError(key.hash)
        return 'created'
      })
    },
    async updateMerchant(id, change) {
      checkMerchantChange(change)
      return database.write(async (sql) => {
        const [known] = await sql.rows<MerchantRow>(
          `SELECT ${merchantColumns} FROM merchants m WHERE m.id = $1 FOR UPDATE`,
          [id],
        )
        if (known === undefined) return undefined
        const changed = changedMerchant(toMerchant(known), change)
        const { name, blockedNames, visitorSeed, retentionDays, timeZone } = changed
        await sql.run(
          `UPDATE merchants SET name = $2, blocked_names = $3::text[], visitor_seed = $4, retention_days = $5,
             time_zone = $6, former_zones = $7 WHERE id = $1`,
          [id, name, blockedNames, visitorSeed, retentionDays, timeZone, formerZonesText(changed)],
        )
        return changed
      })
    },
    async merchant(id) {
      const [found] = await database.ask<MerchantRow>(`SELECT ${merchantColumns} FROM merchants m WHERE m.id = $1`, [
        id,
      ])
      return found && toMerchant(found)
    },
    async merchants({ after = '', limit }) {
      checkPage(limit)
      const found = await database.ask<MerchantRow>(
        `SELECT ${merchantColumns} FROM merchants m WHERE m.id > $1 ORDER BY m.id LIMIT $2`,
        [after, limit],
      )
      return found.map(toMerchant)
    },
    async addKey(key) {
      checkKey(key)
      await database.write(async (sql) => {
        if (key.merchant !== null) {
          const found = await sql.rows('SELECT id FROM merchants WHERE id = $1', [key.merchant])
          if (found.length === 0) throw new RangeError(`no merchant ${key.merchant}`)
        }
        if (await insertKey(sql, key)) return
        const [known] = await sql.rows<StoredKey>(`SELECT ${keyColumns} FROM keys k WHERE k.hash = $1`, [key.hash])
        if (known === undefined || !sameKey(known, key)) throw keyTakenError(key.hash)
      })
    },
    async findKey(hash) {
      const [row] = await database.ask<HolderRow>(
        `SELECT ${keyColumns}, ${merchantColumns}
         FROM keys k LEFT JOIN merchants m ON m.id = k.merchant WHERE k.hash = $1`,
        [hash],
      )
      if (row === undefined) return undefined
      const { hash: of, merchant, kind, rights, origins, quota, tool, id, ...others } = row
      return {
        key: { hash: of, merchant, kind, rights, origins, quota, tool },
        merchant: id === null ? null : toMerchant({ id, ...others }),
      } satisfies KeyHolder
    },
    async merchantsById(ids) {
      const found = await database.ask<MerchantRow>(
        `SELECT ${merchantColumns} FROM merchants m WHERE m.id = ANY ($1::text[])`,
        [ids],
      )
      return found.map(toMerchant)
    },
    async dailySecrets(dates, keepFrom, make) {
      checkSecretDates(dates, keepFrom)
      const all = 'SELECT date, secret FROM daily_secrets'
      const known = await database.ask<SecretRow>(all)
      // Asked on every change of day by every collector, and nearly always answered by what is there: no write then.
      const there = new Set(known.map(({ date }) => date))
      const expired = known.some(({ date }) => date < keepFrom)
      if (!expired && dates.every((date) => there.has(date))) return choose(known, dates)
      return database.write(async (sql) => {
        await sql.run('DELETE FROM daily_secrets WHERE date < $1', [keepFrom])
        const kept = new Set((await sql.rows<SecretRow>(all)).map(({ date }) => date))
        // In one order, so that two callers do not wait for each other in a circle. Of a date made twice the first counts.
        const missing = [...new Set(dates)].sort().filter((date) => !kept.has(date))
        for (const date of missing) {
          await sql.run('INSERT INTO daily_secrets VALUES ($1, $2) ON CONFLICT DO NOTHING', [date, make()])
        }
        return choose(await sql.rows<SecretRow>(all), dates)
      })
    },
  }
}

const formerZonesText = ({ formerZones }: Merchant) => (formerZones === undefined ? null : JSON.stringify(formerZones))

function toMerchant({ formerZones, ...merchant }: MerchantRow): Merchant {
  return { ...merchant, ...(formerZones !== null && { formerZones: JSON.parse(formerZones) as FormerZone[] }) }
}

/** False where the hash is taken. */
async function insertKey(sql: Sql, key: StoredKey): Promise<boolean> {
  const { hash, merchant, kind, rights, origins, quota, tool } = key
  const inserted = await sql.run(
    `INSERT INTO keys (hash, merchant, kind, rights, origins, quota, tool)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
    [hash, merchant, kind, rights, origins, quota, tool],
  )
  return inserted === 1
}

/** @throws RangeError where another caller has deleted one meanwhile: an empty secret would be none */
function choose(secrets: readonly SecretRow[], dates: readonly string[]): Readonly<Record<string, string>> {
  const byDate = new Map(secrets.map(({ date, secret }) => [date, secret]))
  return Object.fromEntries(
    dates.map((date) => {
      const secret = byDate.get(date)
      if (secret === undefined) throw new RangeError(`the secret of ${date} is deleted for ever`)
      return [date, secret]
    }),
  )
}
