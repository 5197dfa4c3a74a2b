namespace ChatCqrs.Acceptance;

/// <summary>Environment variables of the suite. All are optional; docs/testing.md lists them.</summary>
public static class Surroundings
{
    /// <summary>The address of a running server to test instead of one that the suite starts.</summary>
    public static string? Url { get; } = Read("CHATCQRS_URL");

    /// <summary>A PostgreSQL for the suite's databases (a libpq URI of a superuser).</summary>
    public static string? Postgres { get; } = Read("CHATCQRS_TEST_POSTGRES");

    /// <summary>
    /// The EventStoreDB to use as the log instead of PostgreSQL (an <c>esdb://</c> connection string).
    /// </summary>
    public static string? EventStore { get; } = Read("EVENTSTORE_URL");

    /// <summary>A shell command that kills EventStoreDB with SIGKILL.</summary>
    public static string? EventStoreKill { get; } = Read("EVENTSTORE_KILL");

    /// <summary>A shell command that starts EventStoreDB again and returns when it takes appends.</summary>
    public static string? EventStoreStart { get; } = Read("EVENTSTORE_START");

    /// <summary>The folder of EventStoreDB's files, to be searched for plain content.</summary>
    public static string? EventStoreData { get; } = Read("EVENTSTORE_DATA");

    /// <summary>The DLL of the server to start, instead of the one built beside this project.</summary>
    public static string? ServerDll { get; } = Read("CHATCQRS_SERVER_DLL");

    private static string? Read(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } value ? value : null;
}

/// <summary>A test with a server of its own that it may stop, kill and inspect.</summary>
public sealed class OwnServerFactAttribute : FactAttribute
{
    public OwnServerFactAttribute()
    {
        if (Surroundings.Url is not null) Skip = "CHATCQRS_URL names a server that is not ours to stop.";
    }
}

/// <summary>A test that kills EventStoreDB and starts it again.</summary>
public sealed class EventStoreFactAttribute : FactAttribute
{
    public EventStoreFactAttribute()
    {
        if (Surroundings.Url is not null) Skip = "CHATCQRS_URL names a server that is not ours to stop.";
        else if (Surroundings.EventStore is null || Surroundings.EventStoreKill is null
            || Surroundings.EventStoreStart is null)
            Skip = "EVENTSTORE_URL, EVENTSTORE_KILL and EVENTSTORE_START are not all set.";
    }
}

/// <summary>A test with servers of its own and a Redis that joins them.</summary>
public sealed class RedisFactAttribute : FactAttribute
{
    public RedisFactAttribute()
    {
        if (Surroundings.Url is not null) Skip = "CHATCQRS_URL names a server that is not ours to stop.";
        else if (Server.RedisServer.Missing is { } missing) Skip = missing;
    }
}
