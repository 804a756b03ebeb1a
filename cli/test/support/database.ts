import pg from 'pg'

/** A database of that name on the server of `url`; its address. */
export async function createDatabase(url: string, name: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`CREATE DATABASE "${name}"`)
  await client.end()
  const made = new URL(url)
  made.pathname = `/${name}`
  return made.href
}
