/**
 * Test support: schemas that are emptied and used again, for suites of hundreds of stores. A store finds its schema as the
 * migrations leave it: their rows there, nothing else, sequences at their beginning.
 */
import { createSchema, type Schema } from './schemas.ts'

export interface EmptiedSchemas {
  /** Closing it closes its stores, and the schema is somebody else's from then on. */
  take(): Promise<Schema>
  /** Drops all of them. */
  drop(): Promise<void>
}

interface Emptied {
  readonly schema: Schema
  /** One text of statements, that is one transaction. */
  readonly toEmpty: string
}

export function emptiedSchemas(): EmptiedSchemas {
  const made: Schema[] = []
  const free: Emptied[] = []
  return {
    async take() {
      const { schema, toEmpty } = free.pop() ?? (await make())
      const opened: { close(): Promise<void> }[] = []
      return {
        ...schema,
        async open(options) {
          const store = await schema.open(options)
          opened.push(store)
          return store
        },
        async close() {
          await Promise.all(opened.map((store) => store.close()))
          await schema.query(toEmpty)
          free.push({ schema, toEmpty })
        },
      }
    },
    async drop() {
      for (const schema of made) await schema.close()
    },
  }

  async function make(): Promise<Emptied> {
    const schema = await createSchema()
    made.push(schema)
    await (await schema.open({ poolSize: 1 })).close()
    return { schema, toEmpty: await statements(schema) }
  }
}

/** Of a schema in which nothing but the migrations have run. DELETE: of tables with a few rows it is faster than TRUNCATE. */
async function statements({ query }: Schema): Promise<string> {
  // Those first that refer to others.
  const found = await query<{ name: string; kind: string }>(
    `SELECT quote_ident(relname) AS name, relkind AS kind FROM pg_class WHERE relnamespace = current_schema()::regnamespace
     ORDER BY EXISTS (SELECT FROM pg_constraint WHERE conrelid = pg_class.oid AND contype = 'f') DESC`,
  )
  const named = (kind: string) => found.filter((each) => each.kind === kind).map(({ name }) => name)
  const rows: string[] = []
  for (const table of named('r')) {
    const [all] = await query<{ json: string | null }>(`SELECT json_agg(t)::text AS json FROM ${table} t`)
    if (!all?.json) continue
    rows.unshift(`INSERT INTO ${table} SELECT * FROM json_populate_recordset(null::${table}, $rows$${all.json}$rows$)`)
  }
  return [
    ...named('r').map((table) => `DELETE FROM ${table}`),
    ...named('S').map((sequence) => `ALTER SEQUENCE ${sequence} RESTART`),
    ...rows,
  ].join(';\n')
}
