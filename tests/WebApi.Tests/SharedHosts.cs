namespace ChatCqrs.WebApi.Tests;

/// <summary>What test classes use at the same time: made for the first of them, disposed of by the last.</summary>
internal sealed class SharedHosts<T>
    where T : IAsyncDisposable
{
    private readonly Dictionary<string, (Task<T> Host, int Users)> _hosts = [];

    public Task<T> TakeAsync(string key, Func<Task<T>> start)
    {
        lock (_hosts)
        {
            var (host, users) = _hosts.TryGetValue(key, out var found) ? found : (Task.Run(start), 0);
            _hosts[key] = (host, users + 1);
            return host;
        }
    }

    public async Task ReturnAsync(string key)
    {
        Task<T> last;
        lock (_hosts)
        {
            (last, var users) = _hosts[key];
            if (users > 1)
            {
                _hosts[key] = (last, users - 1);
                return;
            }

            _hosts.Remove(key);
        }

        await (await last).DisposeAsync();
    }
}
