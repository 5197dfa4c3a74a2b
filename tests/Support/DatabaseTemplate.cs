namespace ChatCqrs.Testing;

/// <summary>
/// Databases with tables: made once a process, in a template that PostgreSQL copies, so that not every server makes
/// its tables anew.
/// </summary>
public sealed class DatabaseTemplate
{
    private readonly Lazy<Task<TestDatabase>> _template;

    /// <param name="prepare">Makes the tables in an empty database; gets its connection string.</param>
    public DatabaseTemplate(Func<string, Task> prepare)
    {
        _template = new(() => PrepareAsync(prepare));
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Drop();
    }

    /// <summary>A new database, which its user drops.</summary>
    public async Task<TestDatabase> CopyAsync() => await (await _template.Value).CopyAsync();

    private static async Task<TestDatabase> PrepareAsync(Func<string, Task> prepare)
    {
        var template = await TestDatabase.CreateAsync();
        await prepare(template.ConnectionString);
        await template.CloseAsync();
        return template;
    }

    /// <summary>Waits for as long as Npgsql does at most: 15 s to connect, and 30 s for the statement.</summary>
    private void Drop()
    {
        if (_template is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
            _template.Value.Result.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
