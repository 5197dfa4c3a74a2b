using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text.Json;

namespace ChatCqrs.Bench.Load;

internal sealed record Account(Guid User, string Token);

/// <summary>Registers people and starts conversations over REST. In Development the answer carries the code.</summary>
internal sealed class Registrar(Uri server) : IDisposable
{
    private const int AtOnce = 32;

    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = AtOnce })
    {
        BaseAddress = server,
    };
    private readonly string _prefix = $"+4915{RandomNumberGenerator.GetInt32(10_000, 100_000)}";

    /// <summary>Registers people, each with one device.</summary>
    public Task<Account[]> RegisterAsync(int count) => ManyAsync(count, async number =>
    {
        var started = await PostAsync(
            "/v1/registrations", new { phone = $"{_prefix}{number:d6}", name = $"Bench {number}" }, token: null);
        var verified = await PostAsync(
            $"/v1/registrations/{started.GetProperty("registration_id").GetString()}/verification",
            new { code = started.GetProperty("code").GetString(), device = new { name = "bench", platform = "cli" } },
            token: null);
        return new Account(
            verified.GetProperty("user_id").GetGuid(), verified.GetProperty("access_token").GetString()!);
    });

    /// <summary>Starts a direct conversation for every two neighbours.</summary>
    public Task<Guid[]> PairUpAsync(IReadOnlyList<Account> accounts) => ManyAsync(accounts.Count / 2, async pair =>
    {
        var body = new { type = "direct", member_ids = new[] { accounts[2 * pair + 1].User } };
        var started = await PostAsync("/v1/conversations", body, accounts[2 * pair].Token);
        return started.GetProperty("conversation_id").GetGuid();
    });

    /// <summary>Starts a group of all; the first account is its admin.</summary>
    public async Task<Guid> GroupAsync(IReadOnlyList<Account> accounts)
    {
        var others = accounts.Skip(1).Select(account => account.User);
        var body = new { type = "group", title = "Bench", member_ids = others };
        var started = await PostAsync("/v1/conversations", body, accounts[0].Token);
        return started.GetProperty("conversation_id").GetGuid();
    }

    public void Dispose() => _http.Dispose();

    private static async Task<T[]> ManyAsync<T>(int count, Func<int, Task<T>> one)
    {
        var all = new T[count];
        var bound = new ParallelOptions { MaxDegreeOfParallelism = AtOnce };
        await Parallel.ForEachAsync(Enumerable.Range(0, count), bound, async (i, _) => all[i] = await one(i));
        return all;
    }

    private async Task<JsonElement> PostAsync(string path, object body, string? token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = JsonContent.Create(body) };
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using var response = await _http.SendAsync(request);
        var answer = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode
            ? JsonDocument.Parse(answer).RootElement
            : throw new InvalidOperationException($"POST {path} answered {(int)response.StatusCode}: {answer}");
    }
}
