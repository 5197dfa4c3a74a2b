using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using ChatCqrs.Demo.Client;

namespace ChatCqrs.Demo;

/// <summary>State shared by the scenes: the product, the users and their messages so far.</summary>
public sealed class Stage(Uri address, IReadOnlyList<string> restart, CancellationToken interrupted) : IAsyncDisposable
{
    /// <summary>How long to wait for the product after a restart.</summary>
    private static readonly TimeSpan RestartMax = TimeSpan.FromSeconds(60);

    /// <summary>How long to wait for the read models.</summary>
    private static readonly TimeSpan ReadModelsMax = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(100);

    private readonly List<Person> _people = [];
    private readonly HttpClient _http = new() { BaseAddress = address, Timeout = TimeSpan.FromSeconds(15) };

    public Narrator Narrator { get; } = new();

    public CancellationToken Interrupted => interrupted;

    public Uri Address => address;

    public Person Ada => _people[0];

    public Person Ben => _people[1];

    /// <summary>The conversation of Ada and Ben; null before it starts.</summary>
    public Guid Conversation { get; set; }

    /// <summary>Its messages, in the order of the acknowledgements.</summary>
    public List<Written> Written { get; } = [];

    /// <summary>Registers a user with an unused phone.</summary>
    public async Task<Person> RegisterAsync(string name)
    {
        var person = await Person.RegisterAsync(new RestClient(_http, interrupted), address, name, interrupted);
        _people.Add(person);
        return person;
    }

    /// <summary>Restarts the product; the command may return before it is ready.</summary>
    public async Task RestartAsync()
    {
        if (restart.Count == 0)
            throw new NotSeenException("the restart: nobody said how the product is restarted. ./demo does.");
        try
        {
            using var command = Process.Start(restart[0], restart.Skip(1));
            await command.WaitForExitAsync(interrupted);
            if (command.ExitCode != 0)
                throw new NotSeenException($"the restart: {string.Join(' ', restart)} ended with {command.ExitCode}.");
        }
        catch (Win32Exception exception)
        {
            throw new NotSeenException($"the restart: {restart[0]} could not be started ({exception.Message}).");
        }
    }

    /// <summary>Waits until the product is ready again.</summary>
    public async Task ReadyAsync()
    {
        var started = Stopwatch.GetTimestamp();
        while (!await IsReadyAsync())
        {
            if (Stopwatch.GetElapsedTime(started) > RestartMax)
                throw new NotSeenException(
                    $"the product did not come back within {RestartMax.TotalSeconds:0} s of its restart.");
            await Task.Delay(LookEvery, interrupted);
        }
    }

    /// <summary>
    /// Polls the message until it has this status: receipts on the socket may precede the read models.
    /// </summary>
    public async Task ExpectStatusAsync(Person sender, Written written, string status)
    {
        var path = $"/v1/conversations/{written.Conversation}/messages/{written.MessageId}";
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var answer = (await sender.GetAsync(path)).Expect(200).Body;
            if (answer.GetProperty("status").GetString() == status)
                return;
            if (Stopwatch.GetElapsedTime(started) > ReadModelsMax)
                throw new NotSeenException($"“{written.Text}” as {status}: {answer}");
            await Task.Delay(LookEvery, interrupted);
        }
    }

    /// <summary>The conversation's messages as a user sees them.</summary>
    public async Task<IReadOnlyList<JsonElement>> MessagesAsync(Person person)
    {
        var answer = await person.GetAsync($"/v1/conversations/{Conversation}/messages?limit=200");
        return [.. answer.Expect(200).Body.GetProperty("messages").EnumerateArray()];
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var person in _people)
            await person.GoOfflineAsync();
        _http.Dispose();
    }

    private async Task<bool> IsReadyAsync()
    {
        try
        {
            using var answer = await _http.GetAsync(new Uri("/health/ready", UriKind.Relative), interrupted);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            return false; // Not ready yet.
        }
    }
}

/// <summary>An acknowledged message.</summary>
public sealed record Written(Guid MessageId, Guid Conversation, long Seq, string SentAt, string Text);
