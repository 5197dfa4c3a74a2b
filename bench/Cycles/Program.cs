using ChatCqrs.Bench;
using ChatCqrs.Bench.Floors;
using ChatCqrs.Bench.Load;
using ChatCqrs.Bench.Systems;

if (args is ["floor-server", var port])
{
    await KestrelFloor.RunAsync(int.Parse(port));
    return 0;
}

if (args is ["sdk-clients", var server, var clients, var seconds])
{
    return await SdkClients.RunAsync(new Uri(server), int.Parse(clients), int.Parse(seconds));
}

if (args is ["sdk-start", var address, var store])
{
    return await SdkClients.StartAsync(new Uri(address), store);
}

if (args is ["--help" or "-h"])
{
    Console.WriteLine(BenchOptions.Usage);
    return 0;
}

BenchOptions options;
try
{
    options = BenchOptions.Parse(args);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine($"{e.Message}\n{BenchOptions.Usage}");
    return 2;
}

Console.CancelKeyPress += (_, pressed) =>
{
    pressed.Cancel = true;
    Child.StopAll();
    Environment.Exit(130);
};
try
{
    return await Bench.RunAsync(options);
}
catch (InvalidOperationException e)
{
    Console.Error.WriteLine($"\n{e.Message}");
    return 3;
}
