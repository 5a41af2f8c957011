// Generated from the API's description by `npm run types`. Not to be edited.

export interface paths {
    "/api/analytics/hash-sizes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * With how many bytes hops name their relays.
         * @description Packets count once, where their best path has a hop; nodes are judged by their adverts.
         */
        get: {
            parameters: {
                query?: {
                    /** @description key of an area; adverts from within */
                    area?: string;
                    /** @description comma list of IATA codes; unknown ones and `All` are no filter */
                    region?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description counts and nodes */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["HashSizesBody"];
                    };
                };
                /** @description digests are still being made */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WarmingUpBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/analytics/rf": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Signals, sizes and kinds of what was heard.
         * @description Without a region the window is compared with the time at which a packet was first seen, with
         *     one with that of each reception.
         */
        get: {
            parameters: {
                query?: {
                    /** @description key of an area; adverts from within */
                    area?: string;
                    /** @description RFC 3339, included; instead of `window` */
                    from?: string;
                    /** @description comma list of IATA codes; unknown ones and `All` are no filter */
                    region?: string;
                    /** @description RFC 3339, included; instead of `window` */
                    to?: string;
                    /** @description 1h, 24h, 1d, 3d, 7d, 1w or 30d */
                    window?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description figures */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["RfBody"];
                    };
                };
                /** @description digests are still being made */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WarmingUpBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/backup": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns a copy of the database: one snapshot, made while everything goes on, then sent. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description the database file */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/octet-stream": number[];
                    };
                };
                /** @description no key or the wrong one */
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description no key is configured */
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description another backup is made or fetched */
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description no database */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description not enough free space */
                507: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/channels": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists channels, as of at most 60 s ago. */
        get: {
            parameters: {
                query?: {
                    /** @description `true` for unreadable ones too */
                    includeEncrypted?: boolean;
                    /** @description comma list of IATA codes, any; `All` */
                    region?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description channels */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ChannelList"];
                    };
                };
                /** @description a parameter is malformed */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description busy, or the query was too slow */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/channels/{hash}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the texts of a channel by their latest reception. */
        get: {
            parameters: {
                query?: {
                    /** @description texts, 100 by default */
                    limit?: number;
                    /** @description texts to step over, back from the newest */
                    offset?: number;
                    /** @description comma list of IATA codes, any; `All` */
                    region?: string;
                };
                header?: never;
                path: {
                    /** @description as in the list of channels */
                    hash: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description texts; none in an unknown channel */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MessageList"];
                    };
                };
                /** @description a parameter is malformed */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description the list has more than 32 MiB */
                413: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description busy, or the query was too slow */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/decode": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Decodes a frame; nothing is stored.
         * @description With `breakdown` bytes that are no packet are no error: the answer says what could be read of
         *     them, and why the rest could not.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["PostedFrame"];
                };
            };
            responses: {
                /** @description what it says */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DecodedAnswer"];
                    };
                };
                /** @description not hex, or no packet */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the routes for people. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description a page */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/html": string;
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Says how the process is; always 200. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description figures of the process */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Health"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Says whether the process answers. Waits for no query.
         * @description What takes longer than a moment to read is shown as it was known last.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description the database is open */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Healthz"];
                    };
                };
                /** @description it is not yet */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["NotReady"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/mqtt/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns how the MQTT sources are doing. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description sources by name, passwords masked */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MqttStatusBody"];
                    };
                };
                /** @description starting or busy */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists nodes.
         * @description `total` counts what matches, all filters applied. While nodes change all the time, a list that
         *     takes more than 10 ms to make may be as old as ten makings, 1 s at most.
         */
        get: {
            parameters: {
                query?: {
                    /** @description key of an area */
                    area?: string;
                    /** @description first seen until this time */
                    before?: string;
                    /** @description 1h, 6h, 24h, 7d or 30d */
                    lastHeard?: string;
                    /** @description nodes, 50 by default */
                    limit?: number;
                    /** @description nodes to step over */
                    offset?: number;
                    /** @description comma list of IATA codes, any; `All` */
                    region?: string;
                    /** @description `repeater`, `companion`, `room`, `sensor` */
                    role?: string;
                    /** @description part of the name, either case */
                    search?: string;
                    /** @description `name`, `packetCount`, or `lastSeen` */
                    sortBy?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description nodes */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["NodeList"];
                    };
                };
                /** @description a parameter is malformed */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description the list has more than 32 MiB */
                413: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description busy, or the query was too slow */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/nodes/{pubkey}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns one node by its key, or by 8 digits or more that only its key begins with. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description 64 hex digits, or the first 8 or more */
                    pubkey: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description the node */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["NodeDetail"];
                    };
                };
                /** @description there is none */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description more than one key begins so */
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description its packets have more than 32 MiB */
                413: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/nodes/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Finds nodes by part of the name or beginning of the key.
         * @description `hash_size` is always `null` here, and the keys about relaying are absent.
         */
        get: {
            parameters: {
                query?: {
                    /** @description part of the name, beginning of the key */
                    q?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description at most 10 */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["NodesFound"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/observers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the active observers.
         * @description Without any parameter the answer is kept for `observersCache.ttlSeconds`, and the header
         *     `X-Cache-Age-Seconds` says how old it is; any parameter asks for a new one.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description observers */
                200: {
                    headers: {
                        /** @description absent with any parameter */
                        "X-Cache-Age-Seconds"?: number;
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ObserverList"];
                    };
                };
                /** @description busy, or the query was too slow */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/observers/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns one observer by its exact id, an inactive one too. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description as in the topic */
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description the observer */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ObserverRow"];
                    };
                };
                /** @description there is none */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/packets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists packets.
         * @description Plain rows by transmission id, or grouped rows by latest reception, or (with `nodes`) plain
         *     rows of packets that these nodes sent or relayed.
         */
        get: {
            parameters: {
                query?: {
                    /** @description key of an area; adverts from within */
                    area?: string;
                    /** @description channel name or `enc_` and hash byte */
                    channel?: string;
                    /** @description `observations` for all receptions */
                    expand?: string;
                    /** @description `true` for grouped rows */
                    groupByHash?: boolean;
                    /** @description content hash */
                    hash?: string;
                    /** @description rows, 50 by default */
                    limit?: number;
                    /** @description public key or name; sent or relayed */
                    node?: string;
                    /** @description comma list of keys or names, any */
                    nodes?: string;
                    /** @description comma list of observer ids, any */
                    observer?: string;
                    /** @description rows to step over */
                    offset?: number;
                    /** @description `asc` for the lowest id first */
                    order?: string;
                    /** @description comma list of IATA codes, any; `All` */
                    region?: string;
                    /** @description route type */
                    route?: number;
                    /** @description first seen later than this time */
                    since?: string;
                    /** @description payload type */
                    type?: number;
                    /** @description first seen earlier than this time */
                    until?: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description plain or grouped rows */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PacketLists"];
                    };
                };
                /** @description a parameter is malformed */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description the list has more than 32 MiB */
                413: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description busy, or the query was too slow */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        /** Stores a packet as if an observer had sent it; answers once it is durable. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["PostedPacket"];
                };
            };
            responses: {
                /** @description stored, or known before */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["StoredAnswer"];
                    };
                };
                /** @description not hex, no packet, or refused */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description wrong key */
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description no key configured, or a weak one */
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description the queue is full, or nothing is written here */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/packets/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns one packet by hash, by its id, or by the id of one of its receptions. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description hash, packet id or observation id */
                    id: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description the packet */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["PacketDetail"];
                    };
                };
                /** @description there is none */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/packets/observations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Returns the receptions of several packets. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody: {
                content: {
                    "application/json": components["schemas"]["HashList"];
                };
            };
            responses: {
                /** @description receptions by hash */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ObservationsByHash"];
                    };
                };
                /** @description malformed, or more than 200 */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/packets/timestamps": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists the times at which packets were first seen, ascending. */
        get: {
            parameters: {
                query: {
                    /** @description later than this time */
                    since: string;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description times */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": string[];
                    };
                };
                /** @description no time given, or too many times */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/perf": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns how the process is: requests, store, database, runtime, migrations. */
        get: {
            parameters: {
                query?: {
                    /** @description 1 adds the breakdown of the RAM window */
                    mem?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description figures of the process; the header X-Async-Migrations-Error says why migrations are not listed */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Overview"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/perf/anomalies": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns what is not normal now, since when, and which source moved. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description empty when all is normal */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["AnomaliesBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/perf/anomalies/{series}/accept": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Says that what a series does now is its normal: it is learned afresh. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description one that a baseline flags */
                    series: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description no longer flagged from the next judgement on */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": Record<string, never>;
                    };
                };
                /** @description no key or the wrong one */
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description writing is disabled */
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description nothing was learned of it */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/perf/async-migrations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Lists all migrations by name: progress, state, pace, knobs and rows that were set aside. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description all migrations */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["MigrationView"][];
                    };
                };
                /** @description the books cannot be read */
                500: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description starting or busy */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/perf/async-migrations/{name}/{command}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Pauses, resumes, cancels, retries or approves a migration. The body may say who asks:
         *     `{"by": "…"}`.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description pause, resume, cancel, retry or approve */
                    command: string;
                    /** @description the migration */
                    name: string;
                };
                cookie?: never;
            };
            /** @description who asks; may be absent */
            requestBody: {
                content: {
                    "application/json": Record<string, never>;
                };
            };
            responses: {
                /** @description done and recorded */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Steered"];
                    };
                };
                /** @description no key */
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description no such migration or command */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description it makes no sense now */
                409: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description this process does not write */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/perf/async-migrations/{name}/dry-run": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Predicts what a migration still costs: some batches are done and taken back. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description the migration */
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description a prediction; nothing was changed */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["DryRun"];
                    };
                };
                /** @description no key */
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description no such migration */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description this process does not write */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/perf/async-migrations/{name}/moves": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the moves of a migration, newest first: who moved it where, when and why. Of all
         *     migrations together the last 2,000 are kept.
         */
        get: {
            parameters: {
                query?: {
                    /** @description 1 to 500, 100 if not said */
                    limit?: number;
                };
                header?: never;
                path: {
                    /** @description the migration */
                    name: string;
                };
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description none if there is no such migration */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": Record<string, never>[];
                    };
                };
                /** @description starting or busy */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/perf/async-migrations/{name}/tune": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Turns knobs of a migration for an hour, or for `forSec` seconds; says how they stand. Knobs are
         *     those of the configuration: `{"dutyCycle": 0.2, "by": "…", "reason": "…", "forSec": 600}`.
         */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path: {
                    /** @description the migration */
                    name: string;
                };
                cookie?: never;
            };
            /** @description knobs; without any they are only told */
            requestBody: {
                content: {
                    "application/json": Record<string, never>;
                };
            };
            responses: {
                /** @description how they stand now */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["LiveRun"];
                    };
                };
                /** @description no such knob, or out of its range */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description no key */
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description no such migration */
                404: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description this process does not write */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/perf/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns one series of the last hour by column, oldest first. */
        get: {
            parameters: {
                query: {
                    /** @description such as writer.writeBytesPerSec */
                    metric: string;
                    /** @description 1 to 3600, 300 by default */
                    seconds?: number;
                    /** @description seconds of one value, their mean; 1 to 3600 */
                    step?: number;
                };
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description times and values; null where unknown */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Series"];
                    };
                };
                /** @description no such metric */
                400: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description starting or busy */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/perf/io": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns what this process reads and writes a second, by component, and the same of ingest. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description rates; null with a reason where unknown */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["IoBody"];
                    };
                };
                /** @description starting or busy */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/perf/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Lists recurring jobs (retention and the like) in the order in which they were first asked for:
         *     state, pace, the last run. They take the same commands as migrations. Empty in a process that
         *     does not write.
         */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description all jobs */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": Record<string, never>[];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/perf/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Forgets the times of requests and begins to count again. */
        post: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description done */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": Record<string, never>;
                    };
                };
                /** @description no key or the wrong one */
                401: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
                /** @description writing is disabled */
                403: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/perf/sqlite": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns how SQLite does: page caches, WAL, file, open reads. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description null with a reason where unknown */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["SqlitePerf"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/perf/write-sources": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns what was written since the start, by source. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description counters since the start of ingest */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["WriteSourcesBody"];
                    };
                };
                /** @description starting or busy */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/spec": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns this document. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description OpenAPI 3.1 */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": Record<string, never>;
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns the figures of the database and the process, at most 10 s old. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description figures */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["Stats"];
                    };
                };
                /** @description starting or busy */
                503: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "application/json": components["schemas"]["ErrorBody"];
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Returns every figure in Prometheus' text format. */
        get: {
            parameters: {
                query?: never;
                header?: never;
                path?: never;
                cookie?: never;
            };
            requestBody?: never;
            responses: {
                /** @description text format 0.0.4; what is not known is absent */
                200: {
                    headers: {
                        [name: string]: unknown;
                    };
                    content: {
                        "text/plain": string;
                    };
                };
            };
        };
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description The body of `/api/perf/anomalies`. */
        AnomaliesBody: {
            anomalies: components["schemas"]["Anomaly"][];
            /**
             * Format: int64
             * @description How often it is.
             */
            everySec: number;
            /** @description When the process was judged last; `null` if it has not been yet. */
            judgedAt?: string | null;
            /** @description Why there is no judgement, or none of now. */
            reason?: string | null;
        };
        /** @description Something that is not normal. */
        Anomaly: components["schemas"]["Deviation"] & {
            /** @description What has found it. */
            rule: components["schemas"]["Rule"];
        };
        BackfillProgress: {
            done: boolean;
            /** Format: int64 */
            processed: number;
            /** Format: int64 */
            total: number;
        };
        /** @description Values from `x` to `x + w`. */
        Bar: {
            /**
             * Format: int64
             * @description Values in it.
             */
            count: number;
            /**
             * Format: double
             * @description Width.
             */
            w: number;
            /**
             * Format: double
             * @description Lower end.
             */
            x: number;
        };
        /** @description How values are spread. */
        Bars: {
            /** @description None if there is no value. */
            bins: components["schemas"]["Bar"][];
            /**
             * Format: double
             * @description Greatest value.
             */
            max: number;
            /**
             * Format: double
             * @description Least value.
             */
            min: number;
        };
        /** @description Bits of one byte. */
        BitRow: {
            /**
             * Format: int32
             * @description The highest bit, 7 at most.
             */
            high: number;
            /** @description For people. */
            label: string;
            /**
             * Format: int32
             * @description The lowest bit.
             */
            low: number;
            /** @description Its name, where it has one. */
            name?: string | null;
            /**
             * Format: int32
             * @description As a number.
             */
            value: number;
        };
        /** @description A frame, taken apart. */
        BreakdownBody: {
            /** @description Why the frame could not be read to its end; `null` if it could. */
            error?: string | null;
            /** @description In the order of the frame, which they cover without gap or overlap. */
            ranges: components["schemas"]["RangeRow"][];
        };
        /** @description Packets by bytes per hop. */
        BySize: {
            /**
             * Format: int64
             * @description One byte.
             */
            1: number;
            /**
             * Format: int64
             * @description Two bytes.
             */
            2: number;
            /**
             * Format: int64
             * @description Three bytes.
             */
            3: number;
        };
        /** @description Answers that are kept for some seconds. */
        CacheUse: {
            /** Format: int64 */
            entries: number;
            /**
             * Format: double
             * @description Percent.
             */
            hitRate: number;
            /** Format: int64 */
            hits: number;
            /** Format: int64 */
            misses: number;
            /** Format: int64 */
            recomputes: number;
            /** Format: int64 */
            staleHits: number;
        };
        /** @description What is known of one node. */
        Capability: {
            /** @description `advert`, `path` or empty. */
            evidence: string;
            /** @description ISO text. */
            lastSeen?: string | null;
            /** @description The largest that was seen, 1 if none was. */
            maxHashSize: number;
            /** @description Its name, or the first 8 digits of its key. */
            name: string;
            /** @description Public key. */
            pubkey: string;
            /** @description Its role. */
            role?: string | null;
            /**
             * @description `confirmed`: its own advert says so. `suspected`: paths name a relay that can be only it by
             *     more than a byte. `unknown`.
             */
            status: string;
        };
        /** @description All channels. */
        ChannelList: {
            /** @description Latest active first; those that nobody can read come after the others. */
            channels: components["schemas"]["ChannelRow"][];
        };
        /** @description One channel. */
        ChannelRow: {
            /** @description `true` where nobody could read it. */
            encrypted?: boolean | null;
            /** @description Names it in `/api/channels/{hash}/messages`. */
            hash: string;
            /** @description The latest `first_seen`. */
            lastActivity: string;
            /** @description Without its sender. */
            lastMessage?: string | null;
            lastSender?: string | null;
            /** @description Different texts. */
            messageCount: number;
            name: string;
        };
        /** @description Waits for the writer and holds of it, in milliseconds (spec §4.2). */
        ComponentPerf: {
            /**
             * Format: int64
             * @description Waits of more than 100 ms.
             * @default 0
             */
            contention_total: number;
            /**
             * Format: int64
             * @description Holds.
             * @default 0
             */
            count: number;
            /**
             * Format: double
             * @description Longest hold since the start.
             * @default 0
             */
            hold_ms_max: number;
            /**
             * Format: double
             * @description Median hold.
             * @default 0
             */
            hold_ms_p50: number;
            /**
             * Format: double
             * @description 95 % held no longer.
             * @default 0
             */
            hold_ms_p95: number;
            /**
             * Format: double
             * @description 99 % held no longer.
             * @default 0
             */
            hold_ms_p99: number;
            /**
             * Format: double
             * @description Longest wait since the start.
             * @default 0
             */
            wait_ms_max: number;
            /**
             * Format: double
             * @description Median wait.
             * @default 0
             */
            wait_ms_p50: number;
            /**
             * Format: double
             * @description 95 % waited no longer.
             * @default 0
             */
            wait_ms_p95: number;
            /**
             * Format: double
             * @description 99 % waited no longer.
             * @default 0
             */
            wait_ms_p99: number;
        };
        /** @description By component; `null` where no such thread runs or it cannot be read. */
        Components: {
            checkpointer?: components["schemas"]["IoRates"] | null;
            mqtt?: components["schemas"]["IoRates"] | null;
            readers?: components["schemas"]["IoRates"] | null;
            rest?: components["schemas"]["IoRates"] | null;
            writer?: components["schemas"]["IoRates"] | null;
        };
        /** @description A row that could not be changed. */
        DeadLetter: {
            /** @description Why not. */
            error: string;
            /**
             * Format: int64
             * @description The row's key.
             */
            key: number;
        };
        /** @description A decoded frame. */
        Decoded: {
            /** @description Route, payload type and version. */
            header: Record<string, never>;
            /** @description Hash size, hash count and hops. */
            path: Record<string, never>;
            /** @description By payload type. */
            payload: Record<string, never>;
        };
        /** @description What a frame says. */
        DecodedAnswer: {
            breakdown?: components["schemas"]["BreakdownBody"] | null;
            decoded?: components["schemas"]["Decoded"] | null;
        };
        /** @description What `{id}` named. */
        DetailRow: components["schemas"]["PlainRow"] | components["schemas"]["ReceptionRow"];
        /** @description Something that is not normal. */
        Deviation: {
            /**
             * Format: double
             * @description Their median absolute deviation.
             */
            mad: number;
            /**
             * Format: double
             * @description The median of normal samples.
             */
            normal: number;
            /**
             * Format: double
             * @description Modified z-score; `null` where the MAD is 0.
             */
            score?: number | null;
            /** @description The series. */
            series: string;
            /**
             * Format: int64
             * @description When the first of the samples was taken that disagreed, Unix milliseconds.
             */
            sinceMs: number;
            /** @description Who moved: the series' own source, or of all sources the one that moved most. */
            source?: string | null;
            /** @description Of value, normal and deviation. */
            unit: string;
            /**
             * Format: double
             * @description The latest value.
             */
            value: number;
            /** @description In words. */
            what: string;
        };
        /** @description A prediction. Nothing was changed. */
        DryRun: {
            /** @description What pays then; absent where nothing is amplified. */
            advice?: string | null;
            /**
             * Format: int64
             * @description Bytes that must be free: the log, and the index where one is built.
             */
            diskBytes: number;
            /**
             * Format: double
             * @description The same if all rows cost what the dearest sample's did.
             */
            durationHighSec: number;
            /**
             * Format: double
             * @description Seconds with rests of the same length.
             */
            durationSec: number;
            /**
             * Format: double
             * @description Seconds of holding the writer in steps.
             */
            holdSec: number;
            /**
             * Format: int64
             * @description Indexes of the table, each of which a changed row may touch.
             */
            indexes: number;
            /**
             * Format: double
             * @description Seconds of one step that cannot be divided: the index.
             */
            indexHoldSec?: number | null;
            /** @description Whether each row writes pages of its own. */
            isAmplified: boolean;
            /** @description The migration. */
            name: string;
            /**
             * Format: int64
             * @description Rows of them that would change.
             */
            rowsChanged: number;
            /**
             * Format: int64
             * @description Rows left to walk, an estimate.
             */
            rowsLeft: number;
            /**
             * Format: double
             * @description Rows a second while it holds the writer.
             */
            rowsPerSec?: number | null;
            /**
             * Format: int64
             * @description Rows that were tried.
             */
            rowsSampled: number;
            /**
             * Format: int64
             * @description Bytes that pass through the WAL in all.
             */
            walBytes: number;
            /**
             * Format: double
             * @description Pages written per row.
             */
            walPagesPerRow?: number | null;
        };
        /** @description Every error. */
        ErrorBody: {
            /** @description For people. */
            error: string;
        };
        /** @description What can be said of the end. */
        Eta: {
            /** @enum {string} */
            state: "measuring";
        } | {
            /**
             * Format: double
             * @description The cautious end.
             */
            highS: number;
            /**
             * Format: double
             * @description The middle.
             */
            lowS: number;
            /** @enum {string} */
            state: "estimate";
        } | {
            /** @enum {string} */
            state: "paused";
        } | {
            /** @enum {string} */
            state: "stalled";
        };
        /** @description The original's names, milliseconds with one decimal. 0 until the first measurement. */
        EventLoop: {
            /**
             * Format: double
             * @description The latest.
             */
            currentLagMs: number;
            /**
             * Format: double
             * @description The longest since the start.
             */
            maxLagMs: number;
            /**
             * Format: double
             * @description Half of the recent ones are at most this.
             */
            p50Ms: number;
            /**
             * Format: double
             * @description 95 % are.
             */
            p95Ms: number;
            /**
             * Format: double
             * @description 99 % are.
             */
            p99Ms: number;
        };
        /** @description One reception in a packet's `observations`. */
        ExpandedRow: {
            direction?: string | null;
            /** Format: int64 */
            id: number;
            observer_iata?: string | null;
            observer_id?: string | null;
            observer_name?: string | null;
            path_json?: string | null;
            resolved_path?: components["schemas"]["Vec"] | null;
            /** Format: double */
            rssi?: number | null;
            /** Format: double */
            snr?: number | null;
            timestamp: string;
        };
        /** @description Content hashes. */
        HashList: {
            /** @description At most 200; `null` is none. */
            hashes?: string[] | null;
        };
        /** @description The body. Packets count where their best path has a hop. */
        HashSizesBody: {
            /** @description `repeater` if a region is asked for and homes are known, else `observer`. */
            attributionMethod: string;
            /** @description Packets by bytes per hop. */
            distribution: components["schemas"]["BySize"];
            /**
             * @description Repeaters by bytes per hop; `0` for those that were heard in zero-hop adverts only, absent
             *     if there are none.
             */
            distributionByRepeaters: {
                [key: string]: number;
            };
            /** @description By the hour in which packets were first seen, ascending. */
            hourly: components["schemas"]["HourSizes"][];
            /** @description Which nodes can do more than one byte; `null` if there are no nodes. */
            multiByteCapability?: components["schemas"]["Capability"][] | null;
            /** @description Nodes whose latest relayed advert has more than one byte per hop; most adverts first. */
            multiByteNodes: components["schemas"]["MultiByteNode"][];
            /** @description The hops that occur most. */
            topHops: components["schemas"]["TopHop"][];
            /**
             * Format: int64
             * @description Packets.
             */
            total: number;
        };
        /** @description How the process is. */
        Health: {
            buildTime: string;
            cache: components["schemas"]["CacheUse"];
            commit: string;
            engine: string;
            /** @description How late the thread of ingest and migrations woke. */
            eventLoop: components["schemas"]["EventLoop"];
            memory: components["schemas"]["MemoryUse"];
            packetStore: components["schemas"]["PacketStore"];
            perf: components["schemas"]["Perf"];
            /** @description `ok`. */
            status: string;
            /**
             * Format: int64
             * @description Seconds since the start.
             */
            uptime: number;
            /** @description As in `26h 5m`. */
            uptimeHuman: string;
            version: string;
            websocket: components["schemas"]["WebSocketUse"];
        };
        /** @description Whether the process answers, and what it is still doing. */
        Healthz: {
            /** @description By name. */
            async_migrations: components["schemas"]["MigrationView"][];
            /** @description Only when the list could not be read; `async_migrations_running` is then true. */
            async_migrations_error?: string | null;
            async_migrations_running: boolean;
            from_pubkey_backfill: components["schemas"]["BackfillProgress"];
            /** @description By source; absent without sources. */
            ingest_liveness?: {
                [key: string]: components["schemas"]["SourceLiveness"];
            };
            /**
             * Format: int64
             * @description Observations in memory; those that answers cover where there is no window.
             */
            loadedObs?: number | null;
            /**
             * Format: int64
             * @description Transmissions, as above.
             */
            loadedTx?: number | null;
            /**
             * @description What is still done before the process is as fast and complete as it can be; `null` if the
             *     list could not be read.
             */
            pending_warmup_tasks?: components["schemas"]["WarmupTask"][] | null;
            ready: boolean;
        };
        /** @description An hour's packets. */
        HourCount: {
            /**
             * Format: int64
             * @description Packets.
             */
            count: number;
            /** @description Such as `2026-07-18T08`. */
            hour: string;
        };
        /** @description An hour's signals. */
        HourSignal: {
            /**
             * Format: double
             * @description Mean, dB.
             */
            avgSnr: number;
            /**
             * Format: int64
             * @description Receptions.
             */
            count: number;
            /** @description Such as `2026-07-18T08`. */
            hour: string;
        };
        /** @description An hour's packets by bytes per hop. */
        HourSizes: components["schemas"]["BySize"] & {
            /** @description Such as `2026-07-18T08`. */
            hour: string;
        };
        /** @description What ingest reads and writes. */
        IngestorIo: components["schemas"]["IoRates"] & {
            sampledAt: string;
        };
        /** @description How the stats of ingest stand; with a reason unless they are fresh. */
        IngestorStatus: {
            /** @description Why, if not fresh. */
            reason?: string | null;
            /** @description Since when, if not fresh: the last sample's time, or when it was first found so. */
            since?: string | null;
            /** @description Where the figures come from. */
            source?: string | null;
            /** @description `fresh`, `stale`, `missing` or `unreadable`. */
            state: string;
        };
        /**
         * @description How long one of a hundred groups of receptions waits for the writer, in milliseconds of the last
         *     10 s; `null` if hardly any came (§10.3).
         */
        IngestWait: {
            /**
             * Format: double
             * @description When it began or went on.
             */
            before?: number | null;
            /**
             * Format: double
             * @description Since then.
             */
            during?: number | null;
        };
        /** @description The body of `/api/perf/io`; `null` where something is not known. */
        IoBody: {
            /** Format: double */
            cancelledWriteBytesPerSec?: number | null;
            components: components["schemas"]["Components"];
            /** Format: int64 */
            freeBytes?: number | null;
            ingestor?: components["schemas"]["IngestorIo"] | null;
            ingestorStatus: components["schemas"]["IngestorStatus"];
            /** @description Why a figure above is `null`. */
            missing?: {
                [key: string]: string;
            };
            pressure?: components["schemas"]["Pressure"] | null;
            /** Format: double */
            readBytesPerSec?: number | null;
            /** Format: int64 */
            rssBytes?: number | null;
            sampledAt?: string | null;
            /** Format: double */
            syscallsRead?: number | null;
            /** Format: double */
            syscallsWrite?: number | null;
            /** Format: double */
            writeBytesPerSec?: number | null;
        };
        /** @description What is done in a second. Names are the original's (contract §2.6). */
        IoRates: {
            /**
             * Format: double
             * @description Bytes of those that were never written.
             */
            cancelledWriteBytesPerSec: number;
            /**
             * Format: double
             * @description Bytes fetched from storage.
             */
            readBytesPerSec: number;
            /**
             * Format: double
             * @description Reading system calls.
             */
            syscallsRead: number;
            /**
             * Format: double
             * @description Writing system calls.
             */
            syscallsWrite: number;
            /**
             * Format: double
             * @description Bytes sent towards storage.
             */
            writeBytesPerSec: number;
        };
        /** @description Progress by keys: ids may have gaps, and rows of a table be passed over. */
        KeyProgress: {
            /**
             * Format: int64
             * @description Up to here it is done; `null` before the first.
             */
            done?: number | null;
            /**
             * Format: int64
             * @description The lowest key when it began.
             */
            first: number;
            /**
             * Format: int64
             * @description The highest key when it began, or when it went on after a restart.
             */
            last: number;
        };
        /** @description The values that hold now. Names are those of the configuration. */
        KnobValues: {
            /**
             * Format: int64
             * @description Rows of a batch at most.
             */
            batchRowsMax: number;
            /**
             * Format: double
             * @description Share of the time that batches may take.
             */
            dutyCycle: number;
            /**
             * Format: int64
             * @description After so long it is rolled back and halved.
             */
            holdMaxMs: number;
            /**
             * Format: int64
             * @description How long a batch should hold the writer.
             */
            holdTargetMs: number;
            /**
             * Format: int64
             * @description Shortest pause between batches.
             */
            pauseMinMs: number;
            /** @description No rests at all. */
            turbo: boolean;
            /**
             * Format: int64
             * @description Pages that a batch may add to the WAL.
             */
            walPagesMax: number;
        };
        /** @description A value, or why there is none. */
        Known_f64: {
            /** @description Why; absent if it is known. */
            reason?: string | null;
            /** Format: double */
            value?: number;
        };
        /** @description A value, or why there is none. */
        Known_u32: {
            /** @description Why; absent if it is known. */
            reason?: string | null;
            /** Format: int32 */
            value?: number;
        };
        /** @description What a distribution looks like. Milliseconds; 0 where nothing was recorded (`count` says so). */
        LatencySummary: {
            /**
             * Format: int64
             * @description Values recorded since the start.
             */
            count: number;
            /**
             * Format: double
             * @description The longest since the start, exact.
             */
            maxMs: number;
            /**
             * Format: double
             * @description Of all of them.
             */
            meanMs: number;
            /**
             * Format: double
             * @description Half of the recent values are at most this.
             */
            p50Ms: number;
            /**
             * Format: double
             * @description 95 % are.
             */
            p95Ms: number;
            /**
             * Format: double
             * @description 99 % are.
             */
            p99Ms: number;
        };
        /** @description What one source has cost since the start. */
        LedgerRow: components["schemas"]["TotalsRow"] & {
            /** @description How long they held it, as a whole. */
            hold: components["schemas"]["LatencySummary"];
            /** @description How long its operations waited for the writer. */
            wait: components["schemas"]["LatencySummary"];
        };
        /** @description The ledger at one moment. */
        LedgerSnapshot: {
            /** @description Why pages and bytes are `null`; absent when they are known. */
            reason?: string | null;
            /** @description By source. */
            sources: {
                [key: string]: components["schemas"]["LedgerRow"];
            };
            /** @description What they add up to: the connection's totals. */
            totals: components["schemas"]["TotalsRow"];
        };
        /** @description One migration as it stands at this moment; what the books cannot say. */
        LiveRun: {
            /**
             * Format: int64
             * @description Batches since the process started.
             */
            batches: number;
            /**
             * Format: int64
             * @description Rows of the next batch.
             */
            batchRows: number;
            /** @description When it will be done. */
            eta: components["schemas"]["Eta"];
            /**
             * Format: double
             * @description Seconds for which building its index is expected to hold the writer.
             */
            indexHoldSec?: number | null;
            /** @description What ingest feels of it. */
            ingestWaitP99Ms: components["schemas"]["IngestWait"];
            /** @description The knobs. */
            knobs: components["schemas"]["KnobValues"];
            /**
             * Format: double
             * @description Rows a second, rests included; `null` until measured.
             */
            rowsPerSec?: number | null;
            /**
             * Format: int64
             * @description Rows that were looked at once more.
             */
            rowsVerified: number;
            /** @description Knobs that an operator has turned, until when. */
            settings: components["schemas"]["Setting"][];
            /**
             * Format: int64
             * @description Pages that they added to the WAL.
             */
            walPages: number;
        };
        /** @description What the window holds; `null` without one. See the note beside it. */
        MemoryBreakdown: {
            /** Format: int64 */
            floodTx?: number | null;
            /** Format: double */
            floodTxEstimatedMB?: number | null;
            /** Format: double */
            floodTxSharePct?: number | null;
            /** Format: int64 */
            observations?: number | null;
            /** Format: double */
            obsPathJsonMB?: number | null;
            /** Format: double */
            obsPerTx?: number | null;
            /** Format: double */
            obsStringsMB?: number | null;
            /** Format: int64 */
            totalTx?: number | null;
            /** Format: double */
            totalTxEstimatedMB?: number | null;
            /** Format: double */
            txDecodedJsonMB?: number | null;
            /** Format: double */
            txPathJsonMB?: number | null;
            /** Format: double */
            txRawHexMB?: number | null;
        };
        /** @description MiB, rounded down; `null` where the system does not tell. */
        MemoryUse: {
            /** Format: int64 */
            external: number;
            /** Format: int64 */
            heapTotal?: number | null;
            /** Format: int64 */
            heapUsed?: number | null;
            /** Format: int64 */
            rss?: number | null;
        };
        /** @description A part of the texts of a channel. */
        MessageList: {
            /** @description Oldest first. */
            messages: components["schemas"]["MessageRow"][];
            /** @description Texts in the channel; those without receptions or JSON are counted and not shown. */
            total: number;
        };
        /** @description One text. */
        MessageRow: {
            first_seen: string;
            /** @description Of the first reception. */
            hops: number;
            /** @description Who heard it first. */
            observers: string[];
            packetHash: string;
            /**
             * Format: int64
             * @description Of the first reception, not of the packet.
             */
            packetId: number;
            /**
             * Format: int64
             * @description Receptions.
             */
            repeats: number;
            sender?: string | null;
            /**
             * Format: double
             * @description The sender's clock.
             */
            sender_timestamp?: number | null;
            /**
             * Format: double
             * @description Of the first reception.
             */
            snr?: number | null;
            text?: string | null;
            /** @description Of the latest reception. */
            timestamp: string;
        };
        /** @description One migration; names and order of the API. */
        MigrationStatus: {
            /** @description Who moved it there. */
            by?: string | null;
            /** @description Which, the first of them. */
            deadLetters?: components["schemas"]["DeadLetter"][];
            /**
             * Format: double
             * @description Seconds since the start, or from start to end.
             */
            elapsedSec: number;
            /** @description As stored. */
            endedAt?: string | null;
            /** @description Why it failed, and times that cannot be read. */
            errorMessage?: string | null;
            /**
             * Format: double
             * @description Seconds left at the present rate; 0 if unknown.
             */
            etaSec: number;
            keys?: components["schemas"]["KeyProgress"] | null;
            /** @description As stored. */
            lastUpdateAt?: string | null;
            /** @description Its name. */
            name: string;
            /**
             * Format: double
             * @description Rows a second; 0 if unknown.
             */
            ratePerSec: number;
            /**
             * Format: int64
             * @description Rows that were changed; the others needed nothing.
             */
            rowsChanged: number;
            /**
             * Format: int64
             * @description Rows that could not be changed and were set aside.
             */
            rowsFailed: number;
            /**
             * Format: int64
             * @description Rows that are done.
             */
            rowsProcessed: number;
            /**
             * Format: int64
             * @description Rows in all, an estimate while it runs.
             */
            rowsTotal: number;
            /** @description As stored. */
            startedAt?: string | null;
            /** @description Where it stands, finer than `status`: a name of [`State`](crate::perf::backfill::State). */
            state: string;
            /** @description Why it stands there. */
            stateReason?: string | null;
            /** @description Since when. */
            stateSince?: string | null;
            /** @description `running` (which includes waiting), `done`, `failed` or `unknown`. */
            status: string;
            verification?: components["schemas"]["Verification"] | null;
        };
        /** @description One migration: what the books say, and what is going on where it is not at its end. */
        MigrationView: components["schemas"]["MigrationStatus"] & {
            live?: components["schemas"]["LiveRun"] | null;
        };
        /** @description One broker (spec §3.6). Times are Unix seconds, 0 is never. */
        MqttSource: {
            /**
             * @description Its URL.
             * @default
             */
            broker: string;
            /**
             * Format: int64
             * @description Accepted connections.
             * @default 0
             */
            connectCount: number;
            /**
             * @description Whether a connection is open.
             * @default false
             */
            connected: boolean;
            /**
             * Format: int64
             * @description Ended connections.
             * @default 0
             */
            disconnectCount: number;
            /** @default null */
            ingest: components["schemas"]["SourceIngest"] | null;
            /**
             * Format: int64
             * @description The last time one was accepted.
             * @default 0
             */
            lastConnectUnix: number;
            /**
             * Format: int64
             * @description The last time one ended.
             * @default 0
             */
            lastDisconnectUnix: number;
            /**
             * @description Why there is no connection; absent when there is no reason.
             * @default
             */
            lastError: string;
            /**
             * Format: int64
             * @description The last message.
             * @default 0
             */
            lastPacketUnix: number;
            /**
             * @description Its tag.
             * @default
             */
            name: string;
            /**
             * Format: int64
             * @description Messages of the last 300 s.
             * @default 0
             */
            packetsLast5m: number;
            /**
             * Format: int64
             * @description Messages.
             * @default 0
             */
            packetsTotal: number;
        };
        /** @description The body of `/api/mqtt/status`. */
        MqttStatusBody: {
            ingestorStatus: components["schemas"]["IngestorStatus"];
            sampleAt: string;
            sources: components["schemas"]["MqttSource"][];
            /** Format: int64 */
            watchdogLastTickUnix?: number | null;
            /** Format: int64 */
            watchdogPanicCount?: number | null;
        };
        /** @description A node that uses more than one byte. */
        MultiByteNode: {
            /** @description Bytes per hop. */
            hashSize: number;
            /** @description When its latest advert was first seen, ISO text. */
            lastSeen?: string | null;
            /** @description Its name, or the first 8 digits of its key. */
            name: string;
            /**
             * Format: int64
             * @description Adverts.
             */
            packets: number;
            /** @description Public key. */
            pubkey: string;
            /** @description Its role, if its row is there. */
            role?: string | null;
        };
        /** @description One node, and what it sent. */
        NodeDetail: {
            node: components["schemas"]["NodeRow"];
            /** @description The latest 20 packets that it sent, newest first. */
            recentAdverts: components["schemas"]["SentRow"][];
        };
        /** @description A part of the list of nodes. */
        NodeList: {
            counts: components["schemas"]["RoleCounts"];
            /** @description The part. */
            nodes: components["schemas"]["NodeRow"][];
            /**
             * Format: int64
             * @description Length of the whole list.
             */
            total: number;
        };
        /** @description One node. The keys about relaying are there for repeaters and rooms only. */
        NodeRow: {
            /** Format: int64 */
            advert_count: number;
            /** Format: int64 */
            battery_mv?: number | null;
            default_scope?: string | null;
            first_seen?: string | null;
            /**
             * Format: int64
             * @description Flood adverts of the last 7 days; on one node's own page only.
             */
            flood_advert_count_7d?: number | null;
            /** @description Whether it advertises from outside the geo filter. */
            foreign: boolean;
            /**
             * Format: int32
             * @description Bytes of the hashes in paths, of its latest advert of the last 7 days.
             */
            hash_size?: number | null;
            /** @description Whether it goes to and fro between sizes. */
            hash_size_inconsistent: boolean;
            /** @description If it used more than one. */
            hash_sizes_seen?: number[] | null;
            /** @description The same as `last_seen`. */
            last_heard?: string | null;
            /** @description When a packet was last heard that it had passed on. */
            last_relayed?: string | null;
            last_seen?: string | null;
            /** Format: double */
            lat?: number | null;
            /** Format: double */
            lon?: number | null;
            name?: string | null;
            public_key: string;
            /** @description Whether it passed a packet on within `relay_window_hours`. */
            relay_active?: boolean | null;
            /**
             * Format: int64
             * @description Different packets.
             */
            relay_count_1h?: number | null;
            /**
             * Format: int64
             * @description Different packets.
             */
            relay_count_24h?: number | null;
            /**
             * Format: double
             * @description As configured; on one node's own page only.
             */
            relay_window_hours?: number | null;
            role?: string | null;
            /** Format: double */
            temperature_c?: number | null;
            /** @description Regions of the packets that it passed on. */
            transported_scopes?: string[] | null;
            /**
             * Format: int64
             * @description Different packets.
             */
            unscoped_relay_count_24h?: number | null;
        };
        /** @description What a search found. */
        NodesFound: {
            /** @description Seen last first, 10 at most. */
            nodes: components["schemas"]["NodeRow"][];
        };
        /** @description Before the database is open. */
        NotReady: {
            ready: boolean;
            reason: string;
        };
        /** @description One reception of `GET /api/packets/{id}` and `POST /api/packets/observations`. */
        ObservationRow: {
            direction?: string | null;
            hash: string;
            /** Format: int64 */
            id: number;
            observer_iata?: string | null;
            observer_id?: string | null;
            observer_name?: string | null;
            path_json?: string | null;
            /** @description This observer's own bytes; the packet's where they are not stored. */
            raw_hex?: string | null;
            resolved_path?: components["schemas"]["Vec"] | null;
            /** Format: double */
            rssi?: number | null;
            /** Format: double */
            snr?: number | null;
            timestamp: string;
        };
        /** @description Receptions by hash. */
        ObservationsByHash: {
            /** @description Keys as they were given; an unknown hash has none. */
            results: {
                [key: string]: components["schemas"]["ObservationRow"][];
            };
        };
        /** @description All active observers. */
        ObserverList: {
            /** @description Seen last first. */
            observers: components["schemas"]["ObserverRow"][];
            /** @description When this was read. */
            server_time: string;
        };
        /** @description One observer. */
        ObserverRow: {
            /** Format: int64 */
            battery_mv?: number | null;
            /** @description Absent if it never said. */
            can_relay?: boolean | null;
            client_version?: string | null;
            clock_last_naive_at?: string | null;
            /** @description Whether it sent times without a zone that were off in the last 24 hours. */
            clock_naive: boolean;
            /** Format: int64 */
            clock_skew_count_24h: number;
            /** Format: int64 */
            clock_skew_seconds?: number | null;
            firmware?: string | null;
            first_seen?: string | null;
            iata?: string | null;
            id: string;
            last_packet_at?: string | null;
            last_seen?: string | null;
            /**
             * Format: double
             * @description Of the node with the same key; in the list only.
             */
            lat?: number | null;
            /** Format: double */
            lon?: number | null;
            model?: string | null;
            name?: string | null;
            nodeRole?: string | null;
            /** Format: double */
            noise_floor?: number | null;
            /** Format: int64 */
            packet_count: number;
            /**
             * Format: int64
             * @description Receptions.
             */
            packetsLastHour: number;
            radio?: string | null;
            /** Format: int64 */
            uptime_secs?: number | null;
        };
        /** @description The body. */
        Overview: {
            asyncMigrations: components["schemas"]["MigrationView"][];
            /** Format: double */
            avgMs: number;
            cache: components["schemas"]["PerfCache"];
            /** @description By route; `/` stands for all that no route answers. */
            endpoints: {
                [key: string]: components["schemas"]["RoutePerf"];
            };
            /**
             * Format: int64
             * @description Writes of another program that the writer noticed since the start (decision 10); `null` in
             *     a process that does not write.
             */
            foreignWrites?: number | null;
            goRuntime: components["schemas"]["PerfRuntime"];
            /** @description What retention does; `null` in a process that does not write. */
            maintenance?: Record<string, never>[] | null;
            memoryBreakdown?: components["schemas"]["MemoryBreakdown"] | null;
            memoryBreakdownNote?: string | null;
            packetStore: components["schemas"]["PerfStore"];
            /** @description Slower than 100 ms: the last 20, oldest first. */
            slowQueries: components["schemas"]["SlowRequest"][];
            sqlite?: components["schemas"]["PerfSqlite"] | null;
            /**
             * Format: int64
             * @description Below `/api/`, this one not included.
             */
            totalRequests: number;
            /**
             * Format: int64
             * @description Seconds since the start or the last reset.
             */
            uptime: number;
        };
        /** @description One packet. */
        PacketDetail: {
            /** @description Receptions, 1 if none is known. */
            observation_count: number;
            observations?: components["schemas"]["ObservationRow"][];
            /** @description The plain row with its observations, or the reception that was asked for. */
            packet: components["schemas"]["DetailRow"];
            /** @description The hops of the packet's path. */
            path: string[];
        };
        /** @description A part of a list of packets. */
        PacketList_GroupedRow: {
            /** @description Rows at most, as applied. */
            limit: number;
            /** @description Rows stepped over, as applied. */
            offset: number;
            /** @description The part. */
            packets: {
                count: number;
                decoded_json?: string | null;
                /** @description Regions in which it was heard, sorted. */
                distinct_iatas: string[];
                first_seen: string;
                hash: string;
                /** @description The later of `first_seen` and the newest reception. */
                latest: string;
                /** @description The same as `count`. */
                observation_count: number;
                /** @description Different observers. */
                observer_count: number;
                observer_iata?: string | null;
                observer_id?: string | null;
                observer_name?: string | null;
                path_json?: string | null;
                /** Format: int64 */
                payload_type?: number | null;
                raw_hex?: string | null;
                /** Format: int64 */
                route_type?: number | null;
                /** Format: double */
                rssi?: number | null;
                /** Format: double */
                snr?: number | null;
            }[];
            /** @description Length of the whole list. */
            total: number;
        };
        /** @description A part of a list of packets. */
        PacketList_PlainRow: {
            /** @description Rows at most, as applied. */
            limit: number;
            /** @description Rows stepped over, as applied. */
            offset: number;
            /** @description The part. */
            packets: {
                /** @description The hops of `path_json`; `null` if there are none. */
                _parsedPath?: string[] | null;
                /** @description The decoded payload, as JSON text. */
                decoded_json?: string | null;
                direction?: string | null;
                first_seen: string;
                hash: string;
                /** Format: int64 */
                id: number;
                observation_count: number;
                /** @description With `expand=observations`. */
                observations?: components["schemas"]["ExpandedRow"][] | null;
                observer_iata?: string | null;
                observer_id?: string | null;
                observer_name?: string | null;
                path_json?: string | null;
                /** Format: int64 */
                payload_type?: number | null;
                raw_hex?: string | null;
                resolved_path?: components["schemas"]["Vec"] | null;
                /** Format: int64 */
                route_type?: number | null;
                /** Format: double */
                rssi?: number | null;
                /** Format: double */
                snr?: number | null;
                /** @description The same as `first_seen`. */
                timestamp: string;
            }[];
            /** @description Length of the whole list. */
            total: number;
        };
        /** @description Rows of one kind. */
        PacketLists: components["schemas"]["PacketList_PlainRow"] | components["schemas"]["PacketList_GroupedRow"];
        PacketStore: {
            /**
             * Format: double
             * @description Memory in use for data, MiB.
             */
            estimatedMB?: number | null;
            /**
             * Format: int64
             * @description Transmissions; `null` until they have been counted.
             */
            packets?: number | null;
            /**
             * Format: double
             * @description What the RAM window holds, MiB.
             */
            trackedMB: number;
        };
        Perf: {
            /** Format: double */
            avgMs: number;
            recentSlow: components["schemas"]["SlowRequest"][];
            slowQueries: number;
            /** Format: int64 */
            totalRequests: number;
        };
        /** @description As `/api/health.cache`, with the original's other first key. */
        PerfCache: {
            /** Format: double */
            hitRate: number;
            /** Format: int64 */
            hits: number;
            /** Format: int64 */
            misses: number;
            /** Format: int64 */
            recomputes: number;
            /** Format: int64 */
            size: number;
            /** Format: int64 */
            staleHits: number;
        };
        /** @description Distinct entries of what is in memory. */
        PerfIndexes: {
            advertByObserver: number;
            byHash: number;
            byNode: number;
            byObserver: number;
        };
        /** @description At most 10 s old. */
        PerfRows: {
            /** Format: int64 */
            nodes: number;
            /** Format: int64 */
            observations: number;
            /** Format: int64 */
            observers: number;
            /** Format: int64 */
            transmissions: number;
        };
        /**
         * @description The names of Go's runtime. There is no garbage collector, so its pauses are 0; pauses of ours
         *     are `/api/health.eventLoop`.
         */
        PerfRuntime: {
            /**
             * Format: int64
             * @description Threads.
             */
            goroutines?: number | null;
            /**
             * Format: double
             * @description In use for data, without mapped files.
             */
            heapAllocMB?: number | null;
            /**
             * Format: double
             * @description Obtained and not in use.
             */
            heapIdleMB?: number | null;
            /** Format: double */
            heapInuseMB?: number | null;
            /**
             * Format: double
             * @description Obtained from the system for data.
             */
            heapSysMB?: number | null;
            /** Format: double */
            lastPauseMs: number;
            numCPU?: number | null;
            /** Format: int64 */
            numGC: number;
            /** Format: double */
            pauseTotalMs: number;
        };
        PerfSqlite: {
            /** Format: double */
            dbSizeMB?: number | null;
            /** Format: double */
            freelistMB?: number | null;
            rows: components["schemas"]["PerfRows"];
            walPages?: components["schemas"]["PerfWal"] | null;
            /** Format: double */
            walSizeMB?: number | null;
        };
        /** @description The RAM window: what is in it, how far it reaches and how loading stands (contract §6.3). */
        PerfStore: {
            /** Format: int64 */
            avgBytesPerPacket: number;
            backgroundLoadComplete: boolean;
            backgroundLoadError?: string | null;
            backgroundLoadFailed: boolean;
            /** Format: int32 */
            backgroundLoadProgress: number;
            /**
             * Format: double
             * @description Memory in use for data.
             */
            estimatedMB?: number | null;
            /** Format: int64 */
            evicted: number;
            /** Format: double */
            hotStartupHours: number;
            indexes: components["schemas"]["PerfIndexes"];
            /** Format: int64 */
            inMemory: number;
            /**
             * Format: int64
             * @description New transmissions since the start; 0 in a process that does not write.
             */
            inserts: number;
            /** Format: double */
            loadCoverageRatio: number;
            /**
             * Format: int64
             * @description As configured; 0 is unlimited.
             */
            maxMB: number;
            /**
             * Format: int64
             * @description 0: no limit by number.
             */
            maxPackets: number;
            /** @description What stands behind the figures. */
            note: string;
            oldestLoaded: string;
            /**
             * Format: int64
             * @description Packet lists that were selected in memory.
             */
            queries: number;
            /** Format: double */
            retentionHours: number;
            sqliteOnly: boolean;
            /**
             * Format: int64
             * @description Transmissions in memory.
             */
            totalLoaded: number;
            /**
             * Format: int64
             * @description Observations in memory.
             */
            totalObservations: number;
            /** Format: double */
            trackedMB: number;
        };
        /** @description Pages of the WAL. */
        PerfWal: {
            /**
             * Format: int32
             * @description Always 0: the checkpointer never waits for a reader.
             */
            busy: number;
            /** Format: int32 */
            checkpointed: number;
            /** Format: int32 */
            total: number;
        };
        /** @description One packet of the plain list. */
        PlainRow: {
            /** @description The hops of `path_json`; `null` if there are none. */
            _parsedPath?: string[] | null;
            /** @description The decoded payload, as JSON text. */
            decoded_json?: string | null;
            direction?: string | null;
            first_seen: string;
            hash: string;
            /** Format: int64 */
            id: number;
            observation_count: number;
            /** @description With `expand=observations`. */
            observations?: components["schemas"]["ExpandedRow"][] | null;
            observer_iata?: string | null;
            observer_id?: string | null;
            observer_name?: string | null;
            path_json?: string | null;
            /** Format: int64 */
            payload_type?: number | null;
            raw_hex?: string | null;
            resolved_path?: components["schemas"]["Vec"] | null;
            /** Format: int64 */
            route_type?: number | null;
            /** Format: double */
            rssi?: number | null;
            /** Format: double */
            snr?: number | null;
            /** @description The same as `first_seen`. */
            timestamp: string;
        };
        /** @description One reception. */
        Point: {
            /**
             * Format: double
             * @description dBm.
             */
            rssi: number;
            /**
             * Format: double
             * @description dB.
             */
            snr: number;
        };
        /** @description A frame to decode. */
        PostedFrame: {
            /** @description Whether to say which bytes say what. */
            breakdown?: boolean;
            /** @description Blanks are ignored. */
            hex?: string | null;
        };
        /** @description A packet that somebody heard. */
        PostedPacket: {
            /** @description Ignored: the content decides. */
            hash?: string | null;
            /** @description The frame; blanks are ignored. */
            hex?: string | null;
            /** @description Id of who heard it, at most 128 bytes; `api` if nobody is named. */
            observer?: string | null;
            /** @description Ignored. */
            region?: string | null;
            /**
             * Format: double
             * @description dBm.
             */
            rssi?: number | null;
            /**
             * Format: double
             * @description dB.
             */
            snr?: number | null;
        };
        /** @description How much of the time tasks of the whole machine waited for a disk. */
        Pressure: {
            /** @description All tasks that had anything to do waited. */
            full: components["schemas"]["PressureShare"];
            /** @description At least one task waited. */
            some: components["schemas"]["PressureShare"];
        };
        /** @description Per cent of the last seconds. */
        PressureShare: {
            /**
             * Format: float
             * @description Of 10 s.
             */
            avg10: number;
            /**
             * Format: float
             * @description Of 60 s.
             */
            avg60: number;
            /**
             * Format: float
             * @description Of 300 s.
             */
            avg300: number;
            /**
             * Format: int64
             * @description Microseconds since the machine's start.
             */
            totalUs: number;
        };
        /** @description Bytes that belong together. */
        RangeRow: {
            /** @description Of one byte: what its bits say, highest first. */
            bits?: components["schemas"]["BitRow"][];
            /** @description Behind the last byte. */
            end: number;
            /**
             * @description `header`, `codes`, `path`, `hop`, `snr` (dB), `key`, `hash`, `time` (Unix seconds),
             *     `signature`, `flags`, `degrees`, `number`, `text`, `mac`, `sealed`, `opaque`, `unread`.
             */
            kind: string;
            /** @description For people. */
            label: string;
            /** @description The first byte, counted from 0. */
            start: number;
            /** @description What the decoder read here: a text, a number, or `null` if it reads nothing. */
            value: Record<string, never>;
        };
        /** @description One reception of a packet that a node sent. */
        ReceptionOf: {
            /** Format: int64 */
            id: number;
            observer_iata?: string | null;
            observer_id?: string | null;
            observer_name?: string | null;
            path_json?: string | null;
            /** Format: double */
            rssi?: number | null;
            /** Format: double */
            snr?: number | null;
            timestamp: string;
            /** Format: int64 */
            transmission_id: number;
        };
        /** @description The packet of `GET /api/packets/{id}` when `{id}` is an observation's. */
        ReceptionRow: {
            decoded_json?: string | null;
            direction?: string | null;
            hash: string;
            /** Format: int64 */
            id: number;
            observer_iata?: string | null;
            observer_id?: string | null;
            observer_name?: string | null;
            path_json?: string | null;
            /** Format: int64 */
            payload_type?: number | null;
            raw_hex?: string | null;
            resolved_path?: components["schemas"]["Vec"] | null;
            /** Format: int64 */
            route_type?: number | null;
            /** Format: double */
            rssi?: number | null;
            /** Format: double */
            score?: number | null;
            /** Format: double */
            snr?: number | null;
            timestamp: string;
        };
        /** @description The body. Packets are counted once, receptions each. */
        RfBody: {
            /**
             * Format: int64
             * @description Bytes, rounded down.
             */
            avgPacketSize: number;
            /**
             * Format: int64
             * @description Bytes.
             */
            maxPacketSize: number;
            /**
             * Format: int64
             * @description Bytes.
             */
            minPacketSize: number;
            /** @description Of packets, in 25 bars. */
            packetSizes: components["schemas"]["Bars"];
            /** @description Different packets that were heard in an hour, ascending. */
            packetsPerHour: components["schemas"]["HourCount"][];
            /** @description Packets by payload type, most first. */
            payloadTypes: components["schemas"]["TypeCount"][];
            /** @description dBm of receptions. */
            rssi: components["schemas"]["Spread"];
            /** @description In 20 bars. */
            rssiValues: components["schemas"]["Bars"];
            /** @description An even sample of receptions with both signals, at most 999, in the order of packets. */
            scatterData: components["schemas"]["Point"][];
            /** @description Receptions with SNR, by hour, ascending. */
            signalOverTime: components["schemas"]["HourSignal"][];
            /** @description dB of receptions. */
            snr: components["schemas"]["Spread"];
            /** @description Receptions with SNR by payload type, most first. */
            snrByType: components["schemas"]["TypeSignal"][];
            /** @description In 20 bars. */
            snrValues: components["schemas"]["Bars"];
            /**
             * Format: double
             * @description From the first to the last reception.
             */
            timeSpanHours: number;
            /**
             * Format: int64
             * @description Receptions.
             */
            totalAllPackets: number;
            /**
             * Format: int64
             * @description Receptions with SNR.
             */
            totalPackets: number;
            /**
             * Format: int64
             * @description Different packets.
             */
            totalTransmissions: number;
        };
        /** @description All nodes by role, whatever is asked for. */
        RoleCounts: {
            /** Format: int64 */
            companions: number;
            /** Format: int64 */
            repeaters: number;
            /** Format: int64 */
            rooms: number;
            /** Format: int64 */
            sensors: number;
        };
        /** @description What one route has done since the start or the last reset. Milliseconds, one decimal. */
        RoutePerf: {
            /**
             * Format: double
             * @description Mean.
             */
            avgMs: number;
            /**
             * Format: int64
             * @description Requests.
             */
            count: number;
            /**
             * Format: double
             * @description The longest.
             */
            maxMs: number;
            /**
             * Format: double
             * @description Half of the recent requests took at most this.
             */
            p50Ms: number;
            /**
             * Format: double
             * @description 95 %.
             */
            p95Ms: number;
            /**
             * Format: double
             * @description 99 %.
             */
            p99Ms: number;
            /** @description Requests by class of status (`2xx`), those that occurred. */
            statuses: {
                [key: string]: number;
            };
        };
        /**
         * @description Which rule has found something.
         * @enum {string}
         */
        Rule: "threshold" | "rate" | "baseline";
        /** @description One packet that a node sent. */
        SentRow: {
            decoded_json?: string | null;
            direction?: string | null;
            first_seen: string;
            hash: string;
            /** Format: int64 */
            id: number;
            observation_count: number;
            /** @description Latest first. */
            observations: components["schemas"]["ReceptionOf"][];
            observer_iata?: string | null;
            observer_id?: string | null;
            observer_name?: string | null;
            path_json?: string | null;
            /** Format: int64 */
            payload_type?: number | null;
            raw_hex?: string | null;
            /** Format: int64 */
            route_type?: number | null;
            /** Format: double */
            rssi?: number | null;
            /** @description `null` without a scope, `""` of a region that is not known here. */
            scope_name?: string | null;
            /** Format: double */
            snr?: number | null;
            /** @description The same as `first_seen`. */
            timestamp: string;
        };
        /** @description A series as a chart wants it: two arrays of one length, oldest first. */
        Series: {
            /** @description Unix milliseconds of each sample. */
            atMs: number[];
            /** @description Its name. */
            metric: string;
            /** @description `null` where there was no value. */
            values: (number | null)[];
        };
        /** @description One setting that is in force. */
        Setting: {
            /** @description Who set it. */
            by: string;
            /** @description Which knob. */
            knob: string;
            /** @description Why. */
            reason: string;
            /**
             * Format: int64
             * @description When it ends, Unix milliseconds.
             */
            untilMs: number;
            /**
             * Format: double
             * @description Its value; a switch is 0 or 1.
             */
            value: number;
        };
        /** @description A request that took longer than 100 ms. */
        SlowRequest: {
            /**
             * Format: double
             * @description Milliseconds, one decimal.
             */
            ms: number;
            /** @description Without the query string. */
            path: string;
            /**
             * Format: int32
             * @description Of the answer.
             */
            status: number;
            /** @description When it was answered. */
            time: string;
        };
        /** @description What became of a source's messages (decisions 1 to 4): nothing is lost unseen. */
        SourceIngest: {
            /**
             * Format: int64
             * @description QoS 1 messages acknowledged after their commit.
             * @default 0
             */
            acknowledged: number;
            /**
             * Format: int64
             * @description QoS 0 messages that did not fit into the ingest queue.
             * @default 0
             */
            dropped: number;
            /**
             * Format: int64
             * @description When the first of them was lost, Unix seconds.
             * @default null
             */
            droppedSinceUnix: number | null;
            /**
             * @description What the watchdog makes of it.
             * @default
             */
            health: string;
            /**
             * @description Messages that are none of our business, by reason.
             * @default {}
             */
            ignored: {
                [key: string]: number;
            };
            /**
             * Format: int64
             * @description Times that the broker had forgotten our session: what it held is lost.
             * @default 0
             */
            lostSessions: number;
            /**
             * Format: int64
             * @description QoS 1 messages that wait for their commit.
             * @default 0
             */
            pendingReceipts: number;
            /**
             * @description Refused messages by reason.
             * @default {}
             */
            rejected: {
                [key: string]: number;
            };
            /**
             * Format: int64
             * @description Messages that the broker had held and that carry their envelope's time.
             * @default 0
             */
            resumed: number;
        };
        SourceLiveness: {
            /**
             * Format: int64
             * @description Unix seconds, 0 for never.
             */
            lastMessageUnix: number;
            /**
             * Format: int64
             * @description Unix seconds, 0 for never.
             */
            lastReceiptUnix: number;
        };
        /** @description What is said of signals. */
        Spread: {
            /**
             * Format: double
             * @description Mean.
             */
            avg: number;
            /**
             * Format: double
             * @description Greatest.
             */
            max: number;
            /**
             * Format: double
             * @description Of n in ascending order the one at n/2.
             */
            median: number;
            /**
             * Format: double
             * @description Least.
             */
            min: number;
            /**
             * Format: double
             * @description Of the whole population.
             */
            stddev: number;
        };
        /** @description The body of `/api/perf/sqlite`: six names of the contract (§2.7), then ours. */
        SqlitePerf: {
            /**
             * Format: int64
             * @description What `cacheSize` means in bytes.
             */
            cacheBytes?: number | null;
            /**
             * Format: double
             * @description Share of page look-ups of all connections that were hits, in the last minute.
             */
            cacheHitRate?: number | null;
            /**
             * Format: int64
             * @description `PRAGMA cache_size` of a reader: pages, or KiB if negative.
             */
            cacheSize?: number | null;
            /**
             * Format: int64
             * @description Free pages of the database.
             */
            freelistPages?: number | null;
            /**
             * Format: double
             * @description Age of the oldest; 0 without one. While it is open the WAL cannot be cut.
             */
            oldestReadMs?: number | null;
            /** @description Reads that are open now. */
            openReads?: number | null;
            /**
             * Format: int64
             * @description Pages of the database.
             */
            pageCount?: number | null;
            /**
             * Format: int64
             * @description Bytes of a page.
             */
            pageSize?: number | null;
            /** @description The readers' share. */
            readerHitRate: components["schemas"]["Known_f64"];
            /** @description Why the figures of the file are `null`; absent if they are known. */
            reason?: string | null;
            /** @description Pages of the WAL that are not in the database yet. */
            walDebtPages: components["schemas"]["Known_u32"];
            /** @description Pages in the WAL. */
            walPages: components["schemas"]["Known_u32"];
            /**
             * Format: int64
             * @description The same in bytes. A high-water mark: what is pending is `walDebtPages`.
             */
            walSize?: number | null;
            /**
             * Format: double
             * @description Size of the WAL file in MiB; `null` if it cannot be read.
             */
            walSizeMB?: number | null;
            /** @description The writer's share. */
            writerHitRate: components["schemas"]["Known_f64"];
        };
        /** @description The figures. MB is MiB. */
        Stats: {
            buildTime: string;
            commit: string;
            counts: components["schemas"]["RoleCounts"];
            engine: string;
            /**
             * Format: double
             * @description Memory in use for data, without mapped files.
             */
            goHeapInuseMB?: number | null;
            /**
             * Format: double
             * @description Memory obtained from the system for data.
             */
            goSysMB?: number | null;
            /** @description Always true: hashes are not rewritten. */
            hashMigrationComplete: boolean;
            /**
             * Format: int64
             * @description Always 0: there is no such cache.
             */
            neighborGraphCacheRebuildFailures: number;
            /** Format: int64 */
            packetsLast24h: number;
            /** Format: int64 */
            packetsLastHour: number;
            /**
             * Format: double
             * @description Resident memory; `null` where the system does not tell.
             */
            processRSSMB?: number | null;
            /**
             * Format: int64
             * @description Adverts refused for their signature; absent when 0.
             */
            signatureDrops?: number;
            /**
             * Format: double
             * @description What the RAM window holds.
             */
            storeDataMB: number;
            /**
             * Format: int64
             * @description Nodes seen in the last 7 days.
             */
            totalNodes: number;
            /** Format: int64 */
            totalNodesAllTime: number;
            /**
             * Format: int64
             * @description Rows; duplicates count until a migration has merged them.
             */
            totalObservations: number;
            /**
             * Format: int64
             * @description Inactive ones too.
             */
            totalObservers: number;
            /**
             * Format: int64
             * @description The same as `totalTransmissions`.
             */
            totalPackets: number;
            /** Format: int64 */
            totalTransmissions: number;
            /**
             * Format: double
             * @description The same as `storeDataMB`.
             */
            trackedMB: number;
            version: string;
        };
        /** @description Where a migration stands after a command. */
        Steered: {
            name: string;
            state: string;
        };
        /** @description What was stored. */
        StoredAnswer: {
            decoded: components["schemas"]["Decoded"];
            /**
             * Format: int64
             * @description Of the transmission, new or known.
             */
            id: number;
        };
        /** @description A hop. */
        TopHop: {
            /**
             * Format: int64
             * @description How often it occurs in best paths.
             */
            count: number;
            /** @description As the paths spell it. */
            hex: string;
            /** @description Of the only relay (or only node) that it can mean. */
            name?: string | null;
            /** @description Of the same. */
            pubkey?: string | null;
            /** @description Bytes. */
            size: number;
        };
        /** @description [`Sums`] in the units of the API. */
        TotalsRow: {
            /**
             * Format: int64
             * @description See [`Sums::checkpointed_pages`].
             */
            checkpointedPages: number;
            /**
             * Format: int64
             * @description See [`Sums::errors`].
             */
            errors: number;
            /**
             * Format: double
             * @description See [`Sums::hold_us`].
             */
            holdMs: number;
            /**
             * Format: int64
             * @description See [`Sums::rows`].
             */
            rows: number;
            /**
             * Format: int64
             * @description See [`Sums::shared_transactions`].
             */
            sharedTransactions: number;
            /**
             * Format: int64
             * @description See [`Sums::transactions`].
             */
            transactions: number;
            /**
             * Format: int64
             * @description The same with frame headers.
             */
            walBytes?: number | null;
            /**
             * Format: int64
             * @description See [`Sums::wal_pages`]; `null` if SQLite did not tell.
             */
            walPages?: number | null;
        };
        /** @description Packets of one type. */
        TypeCount: {
            /**
             * Format: int64
             * @description Packets.
             */
            count: number;
            /** @description The format's name, or `UNK(n)`. */
            name: string;
            /**
             * Format: int64
             * @description Its number; `null` if a row holds none.
             */
            type?: number | null;
        };
        /** @description Signals of one type, dB. */
        TypeSignal: {
            /**
             * Format: double
             * @description Mean.
             */
            avg: number;
            /**
             * Format: int64
             * @description Receptions.
             */
            count: number;
            /**
             * Format: double
             * @description Greatest.
             */
            max: number;
            /**
             * Format: double
             * @description Least.
             */
            min: number;
            /** @description As in `payloadTypes`. */
            name: string;
        };
        Vec: (null | string)[];
        /** @description Rows that were looked at once more: all of them once the migration has succeeded. */
        Verification: {
            /** @description When the last of them was looked at. */
            at: string;
            /**
             * Format: int64
             * @description The lowest key of the run.
             */
            firstKey: number;
            /** @description SHA-256 over the keys and values of these rows, chained row by row: equal for equal rows. */
            hash: string;
            /**
             * Format: int64
             * @description The last key that was looked at.
             */
            lastKey: number;
            /**
             * Format: int64
             * @description Rows so far.
             */
            rowsChecked: number;
            /**
             * Format: int64
             * @description Rows of them that would change once more.
             */
            rowsDiffering: number;
        };
        /** @description 503 while analytics are not ready. */
        WarmingUpBody: {
            /** @description For people. */
            error: string;
            /**
             * Format: int32
             * @description As in `Retry-After`, seconds.
             */
            retry_after_s: number;
            task?: components["schemas"]["WarmupTask"] | null;
        };
        /** @description One piece of work that has to end before the process is as fast and complete as it can be. */
        WarmupTask: {
            /**
             * Format: double
             * @description 0 if unknown.
             */
            etaSec: number;
            /** @description `migration` or `load`. */
            kind: string;
            name: string;
            /** Format: int64 */
            rowsProcessed: number;
            /** Format: int64 */
            rowsTotal: number;
            state: string;
        };
        WebSocketUse: {
            /** @description Open feeds; `null` in a process without a live feed. */
            clients?: number | null;
        };
        /** @description The body of `/api/perf/write-sources`. */
        WriteSourcesBody: {
            ingestorStatus: components["schemas"]["IngestorStatus"];
            ledger?: components["schemas"]["LedgerSnapshot"] | null;
            ledgerReason?: string | null;
            sampleAt: string;
            sources: {
                [key: string]: number;
            };
            writer_perf?: {
                [key: string]: components["schemas"]["ComponentPerf"];
            } | null;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
