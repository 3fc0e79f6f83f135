// The staff pages' script. The pages work without it; it adds live rows, keys and ticking times.

import "./htmx";
import "htmx-ext-sse";
import { alarm } from "./alarm";
import { choose } from "./choose";
import { securityKeys } from "./key";
import { keys } from "./keys";
import { live } from "./live";
import { push } from "./push";
import { selected } from "./selected";
import { times } from "./times";
import { keepUnsent } from "./unsent";

times();
keepUnsent();
keys();
live();
alarm();
choose();
securityKeys();
push();
selected();
