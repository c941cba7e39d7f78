// What the audits of `graphql-http` find out about a server, as JSON.
import { auditServer } from "graphql-http";

const [url] = process.argv.slice(2);
const found = await auditServer({ url: `${url}/graphql` });
console.log(JSON.stringify(found.map(({ id, name, status, reason }) => ({ id, name, status, reason }))));
